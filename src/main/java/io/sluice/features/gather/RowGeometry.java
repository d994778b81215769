package io.sluice.features.gather;

import io.sluice.dictionary.Site;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import io.sluice.store.tables.TableWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** Lengths and angles of the encoder and decoder rows of a dictionary, computed in float64. */
final class RowGeometry {
  /** The share of the variance that the active subspace holds. */
  private static final double ACTIVE_VARIANCE = 0.99;

  private final List<FeatureLayer> layers;
  private final List<Site> writes;
  private final boolean comparable;
  private final int directions;
  private final double[] basis; // [width, directions]; null if not known.

  private RowGeometry(FeatureOwner owner, int directions, double[] basis) {
    this.layers = owner.layers();
    this.writes = owner.writes();
    this.comparable = owner.isAutoencoder();
    this.directions = directions;
    this.basis = basis;
  }

  /** The rows of a dictionary without a subspace. */
  static RowGeometry of(FeatureOwner owner) {
    return new RowGeometry(owner, 0, null);
  }

  /**
   * The rows of a dictionary that writes one hook point.
   *
   * @param all the directions of that hook point's variance, all of them
   */
  static RowGeometry of(FeatureOwner owner, Subspace all) {
    int width = all.width();
    int count = Spectrum.ofEigenvalues(all.variances()).intrinsicDimension(ACTIVE_VARIANCE);
    double[] rows = all.directions();
    double[] columns = new double[width * count];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < width; j++) {
        columns[j * count + i] = rows[i * width + j];
      }
    }
    return new RowGeometry(owner, count, columns);
  }

  /**
   * The numbers of a feature.
   *
   * @param cosine NaN if the dictionary does not write what it reads
   * @param activeShare NaN if no subspace is known
   * @param sites the norm of the decoder row by hook point; empty if there is one
   */
  record Numbers(
      float encoderNorm, float decoderNorm, float cosine, float activeShare, float[] sites) {
    /** Puts them into a row of the table. */
    void put(TableWriter row) {
      row.column("encoder_norm").put(encoderNorm);
      row.column("decoder_norm").put(decoderNorm);
      putOrNull(row, "cosine", cosine);
      putOrNull(row, "active_share", activeShare);
      if (sites.length > 0) {
        row.column("site_decoder_norm").put(sites);
      }
    }

    private static void putOrNull(TableWriter row, String column, float value) {
      if (Float.isNaN(value)) {
        row.column(column).putNull();
      } else {
        row.column(column).put(value);
      }
    }
  }

  /** Of a feature, counted through all layers. */
  Numbers of(int feature) {
    int layer = 0;
    int own = feature;
    while (own >= layers.get(layer).parameters().features()) {
      own -= layers.get(layer++).parameters().features();
    }
    DictionaryParameters rows = layers.get(layer).parameters();
    float[] encoder = row(rows.encoder(), own, rows.inputWidth());
    float[] decoder = row(rows.decoder(), own, rows.outputWidth());
    double encoderSquare = dot(encoder, encoder, 0, encoder.length);
    double decoderSquare = dot(decoder, decoder, 0, decoder.length);
    double both = Math.sqrt(encoderSquare) * Math.sqrt(decoderSquare);
    float cosine = Float.NaN;
    if (comparable && both > 0) {
      cosine = (float) (dot(encoder, decoder, 0, decoder.length) / both);
    }
    return new Numbers(
        (float) Math.sqrt(encoderSquare),
        (float) Math.sqrt(decoderSquare),
        cosine,
        basis == null || decoderSquare == 0 ? Float.NaN : (float) (inside(decoder) / decoderSquare),
        sites(decoder, writes.size() - layers.get(layer).outputs().size()));
  }

  /** Squared length of the projection on the subspace. */
  private double inside(float[] decoder) {
    // Along the basis' columns, so that the inner loop has no sum that must keep its order.
    double[] coordinates = new double[directions];
    int j = 0;
    for (; j + 4 <= decoder.length; j += 4) { // Four at a time: the sums are loaded less often.
      double v0 = decoder[j];
      double v1 = decoder[j + 1];
      double v2 = decoder[j + 2];
      double v3 = decoder[j + 3];
      int a0 = j * directions;
      int a1 = a0 + directions;
      int a2 = a1 + directions;
      int a3 = a2 + directions;
      for (int i = 0; i < directions; i++) {
        coordinates[i] +=
            v0 * basis[a0 + i] + v1 * basis[a1 + i] + v2 * basis[a2 + i] + v3 * basis[a3 + i];
      }
    }
    for (; j < decoder.length; j++) {
      double value = decoder[j];
      int at = j * directions;
      for (int i = 0; i < directions; i++) {
        coordinates[i] += value * basis[at + i];
      }
    }
    return Arrays.stream(coordinates).map(x -> x * x).sum();
  }

  /**
   * Norms by hook point.
   *
   * @param missing hook points before those that the row writes, for a layer after the first
   */
  private float[] sites(float[] decoder, int missing) {
    if (writes.size() == 1) {
      return new float[0];
    }
    float[] norms = new float[writes.size()];
    int from = 0;
    for (int site = missing; site < norms.length; site++) {
      int to = from + writes.get(site).width();
      norms[site] = (float) Math.sqrt(dot(decoder, decoder, from, to));
      from = to;
    }
    return norms;
  }

  private static float[] row(MemorySegment matrix, int row, int width) {
    return matrix
        .asSlice((long) row * width * Float.BYTES, (long) width * Float.BYTES)
        .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static double dot(float[] a, float[] b, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
