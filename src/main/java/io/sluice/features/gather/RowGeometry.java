package io.sluice.features.gather;

import io.sluice.dictionary.Site;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import io.sluice.store.tables.TableWriter;
import java.io.Serializable;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** Lengths and angles of the encoder and decoder rows of a dictionary, computed in float64. */
final class RowGeometry {
  /** The share of the variance that the active subspace holds. */
  private static final double ACTIVE_VARIANCE = 0.99;

  /** Rows that are projected together. */
  private static final int AT_ONCE = 8;

  private final List<FeatureLayer> layers;
  private final List<Site> writes;
  private final boolean comparable;
  private final int directions;
  private final double[][] basis; // [width][directions]; null if not known.

  private RowGeometry(FeatureOwner owner, int directions, double[][] basis) {
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
    return of(owner, basis(all));
  }

  /**
   * The same.
   *
   * @param basis {@link #basis} of those directions; null where they are not known
   */
  static RowGeometry of(FeatureOwner owner, double[][] basis) {
    return new RowGeometry(owner, basis == null ? 0 : basis[0].length, basis);
  }

  /** The directions that hold the active variance, {@code [width][directions]}. */
  static double[][] basis(Subspace all) {
    int width = all.width();
    int count = Spectrum.ofEigenvalues(all.variances()).intrinsicDimension(ACTIVE_VARIANCE);
    double[] rows = all.directions();
    double[][] columns = new double[width][count];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < width; j++) {
        columns[j][i] = rows[i * width + j];
      }
    }
    return columns;
  }

  /**
   * The numbers of a feature.
   *
   * @param cosine NaN if the dictionary does not write what it reads
   * @param activeShare NaN if no subspace is known
   * @param sites the norm of the decoder row by hook point; empty if there is one
   */
  record Numbers(
      float encoderNorm, float decoderNorm, float cosine, float activeShare, float[] sites)
      implements Serializable {
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

  /** Of consecutive features, counted through all layers; {@code [count]}. */
  Numbers[] of(int first, int count) {
    Numbers[] numbers = new Numbers[count];
    for (int from = 0; from < count; from += AT_ONCE) {
      int n = Math.min(AT_ONCE, count - from);
      Rows[] rows = new Rows[n];
      for (int i = 0; i < n; i++) {
        rows[i] = rows(first + from + i);
      }
      double[] inside = basis == null ? null : inside(rows);
      for (int i = 0; i < n; i++) {
        numbers[from + i] = numbers(rows[i], inside == null ? Double.NaN : inside[i]);
      }
    }
    return numbers;
  }

  /** The two rows of a feature, and how many hook points its layer does not write. */
  private record Rows(float[] encoder, float[] decoder, int missing) {}

  private Rows rows(int feature) {
    int layer = 0;
    int place = feature;
    while (place >= layers.get(layer).parameters().features()) {
      place -= layers.get(layer++).parameters().features();
    }
    FeatureLayer own = layers.get(layer);
    DictionaryParameters rows = own.parameters();
    return new Rows(
        row(rows.encoder(), place, rows.inputWidth()),
        row(rows.decoder(), place, rows.outputWidth()),
        writes.size() - own.outputs().size());
  }

  private Numbers numbers(Rows rows, double inside) {
    float[] encoder = rows.encoder;
    float[] decoder = rows.decoder;
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
        decoderSquare == 0 ? Float.NaN : (float) (inside / decoderSquare),
        sites(decoder, rows.missing));
  }

  /** Squared lengths of the decoder rows' projections on the subspace. */
  private double[] inside(Rows[] rows) {
    // Along the basis' columns, so that the inner loop has no sum that must keep its order; and for
    // all rows before the next columns, so that these are read from the nearest cache.
    double[][] coordinates = new double[rows.length][directions];
    int width = rows[0].decoder.length;
    int j = 0;
    for (; j + 4 <= width; j += 4) {
      for (int r = 0; r < rows.length; r++) {
        addFour(rows[r].decoder, j, coordinates[r]);
      }
    }
    double[] squares = new double[rows.length];
    for (int r = 0; r < rows.length; r++) {
      for (int rest = j; rest < width; rest++) {
        double value = rows[r].decoder[rest];
        for (int i = 0; i < directions; i++) {
          coordinates[r][i] += value * basis[rest][i];
        }
      }
      squares[r] = Arrays.stream(coordinates[r]).map(x -> x * x).sum();
    }
    return squares;
  }

  /** Adds what four values of a row give; four at a time, so that sums are loaded less often. */
  private void addFour(float[] decoder, int j, double[] coordinates) {
    double v0 = decoder[j];
    double v1 = decoder[j + 1];
    double v2 = decoder[j + 2];
    double v3 = decoder[j + 3];
    // An array of each column, all read at the same place: the JIT makes vector instructions of it.
    double[] c0 = basis[j];
    double[] c1 = basis[j + 1];
    double[] c2 = basis[j + 2];
    double[] c3 = basis[j + 3];
    for (int i = 0; i < coordinates.length; i++) {
      coordinates[i] += v0 * c0[i] + v1 * c1[i] + v2 * c2[i] + v3 * c3[i];
    }
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
