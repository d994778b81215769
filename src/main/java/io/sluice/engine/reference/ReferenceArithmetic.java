package io.sluice.engine.reference;

import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.arithmetic.FeatureGroups;
import io.sluice.engine.arithmetic.FiringClocks;
import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.arithmetic.HostFiringClocks;
import io.sluice.engine.arithmetic.Prefixes;
import io.sluice.engine.arithmetic.SiteNorms;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.simd.adam.StochasticRounding;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The specification of {@link Arithmetic}: plain scalar Java, each operation as its formula says,
 * dense where the formula is dense. Values are stored as float32 and summed in float64. It is slow
 * and needs nothing but a JDK; the others are tested against it.
 */
public final class ReferenceArithmetic implements Arithmetic {
  private final EngineSpec spec;
  private final HostFiringClocks clocks;
  private final Map<String, float[]> state = new LinkedHashMap<>();
  private final float[] encoder;
  private final float[] encoderBias;
  private final float[] decoder;
  private final float[] decoderBias;

  private final Prefixes prefixes;

  /** Whether each feature fired in the batch whose gradients are held. */
  private final boolean[] fired;

  private final double[] encoderGradient;
  private final double[] encoderBiasGradient;
  private final double[] decoderGradient;
  private final double[] decoderBiasGradient;
  private float[] reconstruction = new float[0];
  private float[] residualGradient = new float[0];
  private float[] codeGradient = new float[0];

  /** The input of the last decode, and how many codes it has. */
  private Rows batch;

  private int entries;

  /**
   * An arithmetic that starts from a copy of {@code initial}, with moments of zero.
   *
   * @throws IllegalArgumentException if a matrix has more elements than a Java array
   */
  public ReferenceArithmetic(EngineSpec spec, DictionaryParameters initial) {
    this.spec = spec;
    clocks = new HostFiringClocks(spec.features());
    for (StateTensor tensor : state()) {
      long elements = tensor.bytes() / tensor.dtype().bytes();
      if (elements > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            tensor.name() + " has " + elements + " elements, too many for the reference engine");
      }
      state.put(tensor.name(), new float[(int) elements]);
    }
    encoder = state.get(EngineState.ENCODER);
    encoderBias = state.get(EngineState.ENCODER_BIAS);
    decoder = state.get(EngineState.DECODER);
    decoderBias = state.get(EngineState.DECODER_BIAS);
    if (initial != null) {
      copy(initial.encoder(), encoder);
      copy(initial.encoderBias(), encoderBias);
      copy(initial.decoder(), decoder);
      copy(initial.decoderBias(), decoderBias);
    }
    prefixes = new Prefixes(spec.prefixes());
    fired = new boolean[spec.features()];
    int trained = spec.optimiser() == Optimiser.NONE ? 0 : 1;
    encoderGradient = new double[trained * encoder.length];
    encoderBiasGradient = new double[trained * encoderBias.length];
    decoderGradient = new double[trained * decoder.length];
    decoderBiasGradient = new double[decoderBias.length];
  }

  private static void copy(MemorySegment from, float[] to) {
    MemorySegment.copy(from, DictionaryParameters.FLOAT, 0, to, 0, to.length);
  }

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public DeviceCodes encode(Rows input, ActivationFunction selection, Codes codes) {
    float[][] activations = preActivations(input);
    boolean signed = selection instanceof AbsTopK;
    for (float[] row : activations) {
      for (int feature = 0; !signed && feature < row.length; feature++) {
        // Math.max keeps NaN, so that it is found below.
        row[feature] = Math.max(0, row[feature]);
      }
    }
    double[][] scores = scores(activations);
    int[][] chosen =
        switch (selection) {
          case TopK(int k) ->
              Arrays.stream(scores).map(score -> largest(score, k)).toArray(int[][]::new);
          case AbsTopK(int k) ->
              Arrays.stream(scores)
                  .map(score -> largest(Arrays.stream(score).map(Math::abs).toArray(), k))
                  .toArray(int[][]::new);
          case BatchTopK shared -> largestOfAll(scores, shared.k() * input.count());
          default -> throw new IllegalArgumentException("not a count of features: " + selection);
        };
    codes.begin(input.count(), Arrays.stream(chosen).mapToInt(row -> row.length).sum());
    int entry = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int row = 0; row < input.count(); row++) {
      for (int feature : chosen[row]) {
        // Not (activation > 0), which would pass over NaN.
        if (activations[row][feature] != 0) {
          least = Math.min(least, scores[row][feature]);
          if (signed) {
            codes.put(entry++, feature, activations[row][feature]);
          } else {
            codes.set(entry++, feature, activations[row][feature]);
          }
        }
      }
      codes.endRow(entry);
    }
    if (selection instanceof BatchTopK && entry > 0) {
      codes.setLeastScore((float) least);
    }
    return null;
  }

  @Override
  public void encodeAbove(Rows input, float[] bounds, Codes codes) {
    float[][] activations = preActivations(input);
    double[][] scores = scores(activations);
    int[][] chosen = Arrays.stream(scores).map(score -> above(score, bounds)).toArray(int[][]::new);
    codes.begin(input.count(), Arrays.stream(chosen).mapToInt(row -> row.length).sum());
    int entry = 0;
    for (int row = 0; row < input.count(); row++) {
      for (int feature : chosen[row]) {
        codes.put(entry++, feature, activations[row][feature]);
      }
      codes.endRow(entry);
    }
  }

  @Override
  public void load(Rows input) {}

  @Override
  public void readCentred(Rows input, float[] out) {
    for (int row = 0; row < input.count(); row++) {
      for (int i = 0; i < input.width(); i++) {
        out[row * input.width() + i] = centred(input, row, i);
      }
    }
  }

  @Override
  public void startPursuit() {}

  @Override
  public void bestFeatures(float[] vectors, int count, int[] features) {
    int width = spec.outputWidth();
    for (int row = 0; row < count; row++) {
      double best = 0;
      features[row] = -1;
      for (int feature = 0; feature < spec.features(); feature++) {
        double product = 0;
        for (int i = 0; i < width; i++) {
          product += (double) vectors[row * width + i] * decoder[feature * width + i];
        }
        if (product > best) {
          best = product;
          features[row] = feature;
        }
      }
    }
  }

  @Override
  public void readDecoderRows(int[] features, int count, float[] out) {
    int width = spec.outputWidth();
    for (int row = 0; row < count; row++) {
      if (features[row] >= 0) {
        System.arraycopy(decoder, features[row] * width, out, row * width, width);
      }
    }
  }

  @Override
  public void readReconstructionGradient(float[] out, int size) {
    System.arraycopy(residualGradient, 0, out, 0, size);
  }

  @Override
  public void updateDecoder(
      AdamStep step, FeatureGroups groups, float[] rowGradients, float[] biasGradient) {
    int width = spec.outputWidth();
    Arrays.fill(fired, false);
    Arrays.fill(decoderGradient, 0);
    for (int group = 0; group < groups.groups(); group++) {
      int feature = groups.feature(group);
      fired[feature] = true;
      for (int i = 0; i < width; i++) {
        decoderGradient[feature * width + i] = rowGradients[group * width + i];
      }
    }
    for (int i = 0; i < width; i++) {
      decoderBiasGradient[i] = biasGradient[i];
    }
    step(EngineState.DECODER, decoderGradient, width, true, step);
    step(EngineState.DECODER_BIAS, decoderBiasGradient, width, false, step);
  }

  private float[][] preActivations(Rows input) {
    int features = spec.features();
    float[][] activations = new float[input.count()][features];
    for (int row = 0; row < input.count(); row++) {
      for (int feature = 0; feature < features; feature++) {
        double sum = encoderBias[feature];
        for (int i = 0; i < input.width(); i++) {
          sum += (double) centred(input, row, i) * encoder[feature * input.width() + i];
        }
        activations[row][feature] = (float) sum;
      }
    }
    return activations;
  }

  private double[][] scores(float[][] activations) {
    double[] norms = spec.scoreByDecoderNorm() ? decoderNorms() : null;
    double[][] scores = new double[activations.length][spec.features()];
    for (int row = 0; row < scores.length; row++) {
      for (int feature = 0; feature < scores[row].length; feature++) {
        scores[row][feature] = activations[row][feature] * (norms == null ? 1 : norms[feature]);
      }
    }
    return scores;
  }

  private static int[] above(double[] score, float[] bounds) {
    return IntStream.range(0, score.length)
        .filter(feature -> score[feature] > bounds[feature])
        .toArray();
  }

  /** The indices, row by row, of the largest values of all rows; the earlier among equals. */
  private static int[][] largestOfAll(double[][] scores, int wanted) {
    int features = scores[0].length;
    double[] all = Arrays.stream(scores).flatMapToDouble(Arrays::stream).toArray();
    int[] chosen = largest(all, wanted);
    return IntStream.range(0, scores.length)
        .mapToObj(
            row ->
                Arrays.stream(chosen)
                    .filter(place -> place / features == row)
                    .map(place -> place % features)
                    .toArray())
        .toArray(int[][]::new);
  }

  /**
   * The k indices of the largest values, the lower index first among equals, in ascending order.
   */
  private static int[] largest(double[] score, int k) {
    Integer[] order = new Integer[score.length];
    Arrays.setAll(order, i -> i);
    // The sort is stable, so equal scores keep their ascending indices.
    Arrays.sort(order, (a, b) -> Double.compare(score[b], score[a]));
    return Arrays.stream(order, 0, k).mapToInt(Integer::intValue).sorted().toArray();
  }

  private double[] decoderNorms() {
    int width = spec.outputWidth();
    double[] norms = new double[spec.features()];
    List<Integer> sites = spec.siteCount() > 1 ? spec.sites() : List.of(width);
    for (int feature = 0; feature < norms.length; feature++) {
      norms[feature] = SiteNorms.of(decoder, feature * width, sites);
    }
    return norms;
  }

  /** An element of the encoder's input: {@code x − b_D}, or {@code x}. */
  private float centred(Rows input, int row, int column) {
    float value = input.at(row, column);
    return spec.subtractDecoderBias() ? value - decoderBias[column] : value;
  }

  @Override
  public double decode(Rows input, Rows target, Codes codes, boolean gradients) {
    batch = input;
    entries = codes.entries();
    int width = spec.outputWidth();
    int rows = target.count();
    int levels = prefixes.levels();
    reconstruction = ScratchArrays.atLeast(reconstruction, rows * width);
    residualGradient = ScratchArrays.atLeast(residualGradient, rows * levels * width);
    codeGradient = ScratchArrays.atLeast(codeGradient, codes.entries());
    double squaredError = 0;
    double[] sum = new double[width];
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < width; i++) {
        sum[i] = decoderBias[i];
      }
      int entry = codes.offset(row);
      for (int level = 0; level < levels; level++) {
        int end = prefixes.end(codes, level, entry, codes.offset(row + 1));
        for (; entry < end; entry++) {
          int start = codes.feature(entry) * width;
          for (int i = 0; i < width; i++) {
            sum[i] += (double) codes.value(entry) * decoder[start + i];
          }
        }
        for (int i = 0; i < width; i++) {
          double error = sum[i] - target.at(row, i);
          squaredError += level == levels - 1 ? error * error : 0;
          reconstruction[row * width + i] = (float) sum[i];
          residualGradient[(row * levels + level) * width + i] =
              (float) (2 * error / rows / levels);
        }
      }
      for (int level = levels - 2; level >= 0; level--) {
        for (int i = 0; i < width; i++) {
          int at = (row * levels + level) * width + i;
          residualGradient[at] += residualGradient[at + width];
        }
      }
    }
    products(residualGradient, codes, codeGradient);
    return squaredError;
  }

  @Override
  public void encodeAmong(int[] features, int count, int k, Codes found) {
    float[][] activations = preActivations(batch);
    double[][] scores = scores(activations);
    found.begin(activations.length, activations.length * k);
    int entry = 0;
    for (int row = 0; row < activations.length; row++) {
      double[] score = scores[row];
      double[] among = Arrays.stream(features, 0, count).mapToDouble(f -> score[f]).toArray();
      for (int place : largest(among, k)) {
        if (activations[row][features[place]] > 0) {
          found.set(entry++, features[place], activations[row][features[place]]);
        }
      }
      found.endRow(entry);
    }
  }

  @Override
  public double decodeDead(Codes dead, double weight) {
    int width = spec.outputWidth();
    int rows = dead.rows();
    float[] below = new float[rows * width];
    double squares = 0;
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < width; i++) {
        // The gradient of the squared error is 2/rows times ŷ − y.
        double sum = residualGradient[row * width + i] * rows / 2.0;
        for (int entry = dead.offset(row); entry < dead.offset(row + 1); entry++) {
          sum += (double) dead.value(entry) * decoder[dead.feature(entry) * width + i];
        }
        squares += sum * sum;
        below[row * width + i] = (float) (2 * weight * sum / rows);
      }
    }
    float[] gradients = new float[dead.entries()];
    products(below, dead, gradients);
    residualGradient = joined(residualGradient, rows * width, below);
    codeGradient = joined(codeGradient, entries, gradients);
    return weight * squares / rows;
  }

  private static float[] joined(float[] first, int count, float[] second) {
    float[] both = Arrays.copyOf(first, count + second.length);
    System.arraycopy(second, 0, both, count, second.length);
    return both;
  }

  @Override
  public void residualProducts(Codes places, float[] out) {
    products(residualGradient, places, out);
  }

  /** {@code ⟨residual[token, level of j], W_D[j]⟩} for each entry. */
  private void products(float[] residual, Codes places, float[] out) {
    int width = spec.outputWidth();
    for (int row = 0; row < places.rows(); row++) {
      for (int entry = places.offset(row); entry < places.offset(row + 1); entry++) {
        int start = places.feature(entry) * width;
        int from = residualOf(row, places.feature(entry));
        double product = 0;
        for (int i = 0; i < width; i++) {
          product += (double) residual[from + i] * decoder[start + i];
        }
        out[entry] = (float) product;
      }
    }
  }

  /** The index at which the gradient of the reconstruction for a feature's level begins. */
  private int residualOf(int row, int feature) {
    return (row * prefixes.levels() + prefixes.levelOf(feature)) * spec.outputWidth();
  }

  @Override
  public void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out) {
    int width = spec.outputWidth();
    float[] residual = new float[places.rows() * width];
    for (int row = 0; row < places.rows(); row++) {
      for (int i = 0; i < width; i++) {
        double sum = decoderBias[i];
        for (int entry = places.offset(row); entry < places.offset(row + 1); entry++) {
          sum += (double) weights[entry] * decoder[places.feature(entry) * width + i];
        }
        residual[row * width + i] = (float) (2 * (sum - target.at(row, i)) / places.rows());
      }
    }
    products(residual, places, out);
  }

  @Override
  public float[] codeGradients(int entries) {
    return codeGradient;
  }

  @Override
  public void setCodeGradients(float[] gradients, int entries) {
    codeGradient = gradients;
  }

  @Override
  public void readDecoderNorms(double[] out) {
    System.arraycopy(decoderNorms(), 0, out, 0, out.length);
  }

  @Override
  public void readEncoderBias(float[] out) {
    System.arraycopy(encoderBias, 0, out, 0, out.length);
  }

  @Override
  public void accumulate(Rows input, Codes codes, GradientTerms terms) {
    int inputWidth = spec.inputWidth();
    int outputWidth = spec.outputWidth();
    Arrays.fill(fired, false);
    Arrays.fill(encoderGradient, 0);
    Arrays.fill(encoderBiasGradient, 0);
    Arrays.fill(decoderGradient, 0);
    Arrays.fill(decoderBiasGradient, 0);
    for (int row = 0; row < codes.rows(); row++) {
      int token = row % input.count();
      for (int i = 0; token == row && i < outputWidth; i++) {
        decoderBiasGradient[i] += residualGradient[row * prefixes.levels() * outputWidth + i];
      }
      for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
        int feature = codes.feature(entry);
        fired[feature] = true;
        for (int i = 0; i < outputWidth; i++) {
          decoderGradient[feature * outputWidth + i] +=
              (double) codes.value(entry) * residualGradient[residualOf(row, feature) + i];
        }
        double gradient = codeGradient[entry];
        for (int i = 0; i < inputWidth; i++) {
          int weight = feature * inputWidth + i;
          encoderGradient[weight] += gradient * centred(input, token, i);
          if (spec.subtractDecoderBias()) {
            decoderBiasGradient[i] -= gradient * encoder[weight];
          }
        }
        encoderBiasGradient[feature] += gradient;
      }
    }
    double[] rowTerms = terms.decoderRows();
    double[] biasShift = terms.encoderBias();
    for (int feature = 0; feature < fired.length; feature++) {
      int at = feature * outputWidth;
      if (rowTerms != null && spec.siteCount() > 1) {
        SiteNorms.addUnitParts(decoder, at, spec.sites(), rowTerms[feature], decoderGradient, at);
      } else if (rowTerms != null) {
        for (int i = at; i < at + outputWidth; i++) {
          decoderGradient[i] += rowTerms[feature] * decoder[i];
        }
      }
      encoderBiasGradient[feature] -= biasShift == null ? 0 : biasShift[feature];
    }
  }

  @Override
  public void update(AdamStep step, Codes codes) {
    step(EngineState.ENCODER, encoderGradient, spec.inputWidth(), true, step);
    step(EngineState.ENCODER_BIAS, encoderBiasGradient, 1, true, step);
    step(EngineState.DECODER, decoderGradient, spec.outputWidth(), true, step);
    step(EngineState.DECODER_BIAS, decoderBiasGradient, spec.outputWidth(), false, step);
  }

  private void step(String name, double[] gradient, int width, boolean perFeature, AdamStep adam) {
    float[] value = state.get(name);
    float[] first = state.get(name + EngineState.FIRST_MOMENT);
    float[] second = state.get(name + EngineState.SECOND_MOMENT);
    boolean sparse = perFeature && spec.optimiser() == Optimiser.SPARSE_ADAM;
    boolean rounded = typeOf(name + EngineState.FIRST_MOMENT) == DType.BF16;
    int stepKey = StochasticRounding.stepKey(adam.step(), EngineState.roundingNumber(name));
    for (int i = 0; i < value.length; i++) {
      double g = gradient[i];
      double m = adam.beta1() * first[i] + (1 - adam.beta1()) * g;
      double v = adam.beta2() * second[i] + (1 - adam.beta2()) * g * g;
      first[i] = (float) m;
      second[i] = (float) v;
      if (rounded) {
        int rowKey = StochasticRounding.rowKey(stepKey, i / width);
        int bits = StochasticRounding.bits(rowKey, i % width);
        first[i] = StochasticRounding.widen(StochasticRounding.first(first[i], bits));
        second[i] = StochasticRounding.widen(StochasticRounding.second(second[i], bits));
      }
      if (!sparse || fired[i / width]) {
        double direction =
            m / adam.firstCorrection() / (Math.sqrt(v / adam.secondCorrection()) + adam.epsilon());
        value[i] = (float) (value[i] - adam.learningRate() * direction);
      }
    }
  }

  @Override
  public void copyReconstruction(MemorySegment destination) {
    MemorySegment.copy(
        reconstruction,
        0,
        destination,
        DictionaryParameters.FLOAT,
        0,
        batch.count() * spec.outputWidth());
  }

  @Override
  public FiringClocks clocks() {
    return clocks;
  }

  @Override
  public List<StateTensor> state() {
    return EngineState.ofAdam(spec);
  }

  @Override
  public MemorySegment read(StateTensor tensor, long first, long count, Arena target) {
    float[] values = state.get(tensor.name());
    int row = rowElements(tensor);
    int from = Math.toIntExact(first * row);
    int size = Math.toIntExact(count * row);
    MemorySegment copy = target.allocate((long) size * tensor.dtype().bytes(), 64);
    if (tensor.dtype() == DType.BF16) {
      for (int i = 0; i < size; i++) {
        // Exact, since the values are bfloat16.
        short half = (short) (Float.floatToRawIntBits(values[from + i]) >>> 16);
        copy.setAtIndex(ValueLayout.JAVA_SHORT, i, half);
      }
    } else {
      MemorySegment.copy(values, from, copy, ValueLayout.JAVA_FLOAT, 0, size);
    }
    return copy;
  }

  @Override
  public void write(StateTensor tensor, long first, MemorySegment data) {
    float[] values = state.get(tensor.name());
    int from = Math.toIntExact(first * rowElements(tensor));
    int size = Math.toIntExact(data.byteSize() / tensor.dtype().bytes());
    if (tensor.dtype() == DType.BF16) {
      for (int i = 0; i < size; i++) {
        values[from + i] = DType.BF16.readFloat32(data, (long) i * Short.BYTES);
      }
    } else {
      MemorySegment.copy(data, DictionaryParameters.FLOAT, 0, values, from, size);
    }
  }

  private static int rowElements(StateTensor tensor) {
    return Math.toIntExact(tensor.rowBytes() / tensor.dtype().bytes());
  }

  private DType typeOf(String name) {
    return state().stream()
        .filter(tensor -> tensor.name().equals(name))
        .findFirst()
        .orElseThrow()
        .dtype();
  }

  @Override
  public void close() {
    state.clear();
    clocks.close();
  }
}
