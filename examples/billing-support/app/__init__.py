"""The billing assistant of Fernhollow Fibre: a small, whole application whose behaviour is decided by its bundle's files."""
