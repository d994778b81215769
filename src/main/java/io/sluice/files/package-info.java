/**
 * Files as all packages treat them: {@link io.sluice.files.AtomicFile} writes them whole or not at
 * all, {@link io.sluice.files.RegularFile} opens nothing that waits or has no end, {@link
 * io.sluice.files.StrictJson} reads JSON from strangers, {@link io.sluice.files.Fields} that of our
 * own files, {@link io.sluice.files.Quoted} shows their text in messages, {@link
 * io.sluice.files.FolderLock} gives a folder to one writer at a time.
 */
package io.sluice.files;
