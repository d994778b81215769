package io.sluice.store;

/** How the files of a store are read. */
public enum Reading {
  /**
   * Files are mapped and read in place if the system can map them all, otherwise copied. Lengths
   * are checked before each read. If a file is truncated during a read, the read ends with an
   * exception where Java copies, and the process ends where a kernel or native code reads in place.
   */
  MAPPED,

  /**
   * Rows are copied from the files when they are needed. For files that may change or vanish while
   * they are read: on network or removable disks.
   */
  COPIED
}
