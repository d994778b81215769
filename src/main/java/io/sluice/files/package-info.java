/**
 * Files as all packages treat them: {@link io.sluice.files.AtomicFile} writes one whole or not at
 * all, {@link io.sluice.files.OutputFolder} several that are one thing, {@link
 * io.sluice.files.FolderSwap} exchanges two folders, {@link io.sluice.files.FolderLock} gives one
 * to one writer at a time; {@link io.sluice.files.RegularFile} opens nothing that waits or has no
 * end, {@link io.sluice.files.Unfolding} bounds what a compressed one becomes, {@link
 * io.sluice.files.StrictJson} reads JSON from strangers, {@link io.sluice.files.Fields} that of our
 * own files, and {@link io.sluice.files.Quoted} shows their text in messages.
 */
package io.sluice.files;
