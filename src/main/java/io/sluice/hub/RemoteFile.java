package io.sluice.hub;

import java.net.URI;

/**
 * A file of a repository at one commit, as the hub describes it.
 *
 * @param path its name in the repository, with slashes
 * @param address where it is asked for; the hub may redirect from there
 * @param content its checksum, which names it in the cache
 * @param size its length in bytes
 */
record RemoteFile(String path, URI address, Checksum content, long size) {}
