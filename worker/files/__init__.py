"""Files that users gave us: kept, measured, found inside inputs."""
