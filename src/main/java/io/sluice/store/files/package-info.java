/**
 * The files of a store: the manifest, the layout, frame and schema of a shard (an Arrow IPC file),
 * its checksum ({@code ShardChecksum} compares it with the file), and the atomic replacement of a
 * store's folder. Reading and writing rows belongs in {@code io.sluice.store}.
 */
package io.sluice.store.files;
