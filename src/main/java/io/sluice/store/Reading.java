package io.sluice.store;

/** How the bytes of a store's files come into memory. */
public enum Reading {
  /**
   * Files are mapped and read in place, where the system maps so many and can map them at all; else
   * they are copied. Lengths are asked for before each read; a file that is cut short within one
   * ends in an exception where Java copies, and ends the process where a kernel or native code
   * reads it in place.
   */
  MAPPED,

  /**
   * Rows are copied from the files whenever they are asked for. For files that may change or vanish
   * while they are read: on network or removable disks.
   */
  COPIED
}
