/**
 * The files of a store: the manifest, the layout, frame and schema of a shard (an Arrow IPC file),
 * its checksum, and the folder that takes another one's place when it is whole. What reads or
 * writes rows stands in {@code io.sluice.store}.
 */
package io.sluice.store.files;
