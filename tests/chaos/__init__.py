"""Thousands of jobs under random kills and every fault at once, and the books afterwards.

    python -m tests.chaos --jobs 5000 --kills 100 --seed 1 [--callbacks lost] [--pipelines 50]
        [--without KIND] [--only KIND]

Beside kills there are seven kinds of trouble (`kinds.py`), all of them in every run; --without and
--only narrow a hunt. Exits with 1 on any breach. The seed replays the plan: which job is asked,
which fault it meets, which process is killed after how long; not how real processes interleave.
"""
