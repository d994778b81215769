package io.sluice.simd.layers;

/** What a head reads of a token: its query, or the key and value that heads may share. */
public enum HeadPart {
  QUERY,
  KEY,
  VALUE
}
