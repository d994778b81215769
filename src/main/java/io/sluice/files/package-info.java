/**
 * Safe handling of files for all packages. Writing: {@link io.sluice.files.AtomicFile} writes a
 * file atomically, {@link io.sluice.files.OutputFolder} several files as one unit, {@link
 * io.sluice.files.FolderSwap} exchanges two folders, and {@link io.sluice.files.FolderLock} locks a
 * folder for one writer. {@link io.sluice.files.DiskThread} reads or writes while the caller
 * computes. Reading: {@link io.sluice.files.RegularFile} refuses pipes and devices, {@link
 * io.sluice.files.Unfolding} limits decompression, {@link io.sluice.files.StrictJson} reads
 * untrusted JSON, {@link io.sluice.files.Fields} Sluice's own, and {@link io.sluice.files.Quoted}
 * quotes text in messages. The formats themselves belong to the packages that use them.
 */
package io.sluice.files;
