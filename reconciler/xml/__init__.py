"""libvirt's XML, by one table, in two directions: read it, and merge into it what a document says. Pure."""
