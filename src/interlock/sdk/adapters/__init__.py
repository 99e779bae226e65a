"""The guard inside other people's agent loops: each adapter pauses, asks and resumes in the way of its framework."""
