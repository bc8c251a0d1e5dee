"""What happens to a job, a flow a file. None imports another; what they share lies in `steps`."""
