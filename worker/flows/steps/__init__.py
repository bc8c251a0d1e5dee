"""What several flows do alike: asking RunningHub, taking in an answer, ending a job."""
