package io.sluice.training.start;

import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteScaling;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** The scale of each column of a matrix, and rows that are converted by it. */
public final class ColumnScales {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private ColumnScales() {}

  /** The scale of each column of one side: the float32 nearest to that of its site. */
  public static float[] of(List<SiteScaling> scalings, List<Site> sites) {
    float[] scales = new float[Site.widths(sites)];
    int at = 0;
    for (int i = 0; i < sites.size(); i++) {
      int end = at + sites.get(i).width();
      Arrays.fill(scales, at, end, (float) scalings.get(i).scale());
      at = end;
    }
    return scales;
  }

  /** Multiplies float32 rows, {@code [n, columns]}, in place. */
  public static void multiply(MemorySegment rows, float[] perColumn) {
    for (long at = 0; at < rows.byteSize() / Float.BYTES; at += perColumn.length) {
      for (int column = 0; column < perColumn.length; column++) {
        float value = rows.getAtIndex(FLOAT, at + column);
        rows.setAtIndex(FLOAT, at + column, perColumn[column] * value);
      }
    }
  }

  /** Divides float32 rows, {@code [n, columns]}, in place. */
  public static void divide(MemorySegment rows, float[] perColumn) {
    for (long at = 0; at < rows.byteSize() / Float.BYTES; at += perColumn.length) {
      for (int column = 0; column < perColumn.length; column++) {
        float value = rows.getAtIndex(FLOAT, at + column);
        rows.setAtIndex(FLOAT, at + column, (float) (1.0 / perColumn[column] * value));
      }
    }
  }
}
