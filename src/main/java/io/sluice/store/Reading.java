package io.sluice.store;

/** How the bytes of a store's files come into memory. */
public enum Reading {
  /**
   * Files are mapped and read in place, where the system maps so many and can map them at all; else
   * they are copied. A mapped file that is cut short while it is read ends in an exception where
   * Java reads it, but native code that reads it ends the process.
   */
  MAPPED,

  /**
   * Rows are copied from the files whenever they are asked for. For files that may change or vanish
   * while they are read: on network or removable disks.
   */
  COPIED
}
