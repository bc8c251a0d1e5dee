// The limit: verify a callback's signature, write it down in one round trip to Redis, answer.
//
//	limit PORT SOCKET SECRET
//
// It does for durability what runhook's web does (one script: dedupe, keep the body, wake a queue)
// and nothing else: no limits of size, no time-outs, no reload of the script.
package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

const script = `if redis.call('HSETNX', KEYS[1], ARGV[1], #ARGV[2]) == 1 then
  redis.call('RPUSH', KEYS[2], ARGV[2])
  redis.call('LPUSH', KEYS[3], ARGV[3])
end
return 'taken'`

const connections = 8 // to Redis; more than ever wait at once on one core

type link struct {
	conn net.Conn
	in   *bufio.Reader
}

// ask sends a command and reads an answer of one line or one string.
func (l *link) ask(parts ...string) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "*%d\r\n", len(parts))
	for _, part := range parts {
		fmt.Fprintf(&out, "$%d\r\n%s\r\n", len(part), part)
	}
	if _, err := io.WriteString(l.conn, out.String()); err != nil {
		return "", err
	}
	line, err := l.in.ReadString('\n')
	if err == nil && line[0] == '-' {
		return "", fmt.Errorf("redis: %s", line)
	}
	if err == nil && line[0] == '$' {
		line, err = l.in.ReadString('\n')
	}
	return strings.TrimRight(line, "\r\n"), err
}

func main() {
	port, socket, secret := os.Args[1], os.Args[2], []byte(os.Args[3])
	links := make(chan *link, connections)
	var sha string
	for i := 0; i < connections; i++ {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			panic(err)
		}
		l := &link{conn, bufio.NewReader(conn)}
		if sha, err = l.ask("SCRIPT", "LOAD", script); err != nil {
			panic(err)
		}
		links <- l
	}
	http.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("/callbacks/", func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		if len(parts) != 5 {
			http.NotFound(w, r)
			return
		}
		duty := parts[2] + "/" + parts[3]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("callback/" + duty))
		if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))[:40]), []byte(parts[4])) {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unread", 400)
			return
		}
		mark := sha256.Sum256(body)
		l := <-links
		_, err = l.ask("EVALSHA", sha, "3", "unread:"+duty, "raw:"+duty, "queue",
			hex.EncodeToString(mark[:]), string(body), duty)
		links <- l
		if err != nil {
			http.Error(w, "not kept", 503)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"received":true}`)
	})
	panic(http.ListenAndServe("127.0.0.1:"+port, nil))
}
