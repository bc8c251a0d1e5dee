-- Jobs found by their metadata.

local function listed_by(tenant, one)
  return keys.labelled('', one[1], one[2]), keys.labelled(tenant, one[1], one[2])
end

-- What a job is found by, as it was written when it was made.
local function labels_of(job)
  return cjson.decode(redis.call('HGET', keys.job(job), 'labels') or '[]')
end

-- How many lists lacked it.
local function label_job(job, tenant)
  local lacked = 0
  for _, one in ipairs(labels_of(job)) do
    local everybodys, tenants = listed_by(tenant, one)
    lacked = lacked + redis.call('ZADD', everybodys, 0, job) + redis.call('ZADD', tenants, 0, job)
  end
  return lacked
end

local function unlabel_job(job, tenant)
  for _, one in ipairs(labels_of(job)) do
    local everybodys, tenants = listed_by(tenant, one)
    redis.call('ZREM', everybodys, job)
    redis.call('ZREM', tenants, job)
  end
end
