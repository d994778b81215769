package io.sluice.engine;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;

/**
 * A cross-layer transcoder (Ameisen et al., <em>Circuit Tracing</em>, 2025): features of layer
 * {@code l} read input {@code l} and write outputs {@code l} and above, {@code ŷ_m = b_m + Σ_{l≤m}
 * f_l·W_D^{l→m}}. Each layer has an engine for its features. The target of the engine of layer
 * {@code l} is {@code y − (ŷ − ŷ_l)}: outputs {@code l} and above, minus what the other engines
 * reconstruct. Its residual is therefore the residual of the whole transcoder, and its gradients
 * are those of the joint loss.
 *
 * <p>The inputs of all layers are concatenated in one row, and so are the outputs. Each layer
 * selects among its features separately, with TopK k of them. Features are numbered layer after
 * layer. The engine of the first layer writes all outputs and has the decoder bias; the bias of
 * every other engine is 0.
 */
public final class CrossLayerEngine implements Engine {
  private final List<Engine> layers;
  private final EngineSpec spec;
  private final Codes codes = new Codes();

  /** Where each layer's input and output begin. */
  private final int[] inputAt;

  private final int[] outputAt;
  private final List<Scratch> scratch;

  /** Never written to. */
  private final GrowingMemory zeros = GrowingMemory.owned();

  private float[] reconstruction = new float[0];
  private float[] wanted = new float[0];
  private int rows;
  private final List<BatchResult> results = new ArrayList<>();
  private boolean closed;

  /**
   * Joins engines, which it closes with itself.
   *
   * @param layers one engine for each layer; the first writes all outputs, every other one the
   *     outputs of the engine before it except the first
   * @param outputs width of each layer's output
   * @throws IllegalArgumentException if they do not fit together
   */
  public CrossLayerEngine(List<Engine> layers, List<Integer> outputs) {
    this.layers = List.copyOf(layers);
    int count = layers.size();
    if (count < 2 || outputs.size() != count) {
      throw new IllegalArgumentException(
          "%d engines for %d outputs; there must be as many, and two at least"
              .formatted(count, outputs.size()));
    }
    inputAt = new int[count + 1];
    outputAt = new int[count + 1];
    for (int layer = 0; layer < count; layer++) {
      inputAt[layer + 1] = inputAt[layer] + layers.get(layer).spec().inputWidth();
      outputAt[layer + 1] = outputAt[layer] + outputs.get(layer);
    }
    int features = 0;
    for (int layer = 0; layer < count; layer++) {
      EngineSpec own = layers.get(layer).spec();
      int writes = outputAt[count] - outputAt[layer];
      if (own.outputWidth() != writes || own.subtractDecoderBias() || own.prefixes().size() > 1) {
        throw new IllegalArgumentException(
            "layer %d writes a width of %d, not %d, or subtracts its bias or nests prefixes"
                .formatted(layer, own.outputWidth(), writes));
      }
      features = Math.addExact(features, own.features());
    }
    EngineSpec first = layers.getFirst().spec();
    spec =
        new EngineSpec(
                inputAt[count],
                outputAt[count],
                features,
                false,
                first.scoreByDecoderNorm(),
                first.optimiser())
            .with(first.learned())
            .writing(outputs)
            .withMoments(first.moments())
            .withPrecision(first.precision());
    scratch = Stream.generate(Scratch::new).limit(count).toList();
  }

  /** The engines of the layers, in their order. */
  public List<Engine> layers() {
    return layers;
  }

  @Override
  public EngineSpec spec() {
    return spec;
  }

  @Override
  public String name() {
    return layers.getFirst().name();
  }

  @Override
  public String screen() {
    return layers.getFirst().screen();
  }

  @Override
  public void encode(Rows input, ActivationFunction selection) {
    if (input.width() != spec.inputWidth()) {
      throw new IllegalArgumentException(
          "the batch is "
              + input.width()
              + " wide, the dictionary reads a width of "
              + spec.inputWidth());
    }
    rows = input.count();
    for (int layer = 0; layer < layers.size(); layer++) {
      int width = inputAt[layer + 1] - inputAt[layer];
      MemorySegment own = scratch.get(layer).input.of(rows, width);
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < width; i++) {
          own.setAtIndex(
              DictionaryParameters.FLOAT,
              (long) row * width + i,
              input.at(row, inputAt[layer] + i));
        }
      }
      layers.get(layer).encode(new Rows(own, DType.F32, rows, width), selection);
    }
    join();
  }

  /** All layers' codes of each token, one after the other. */
  private void join() {
    int entries = 0;
    float least = Float.POSITIVE_INFINITY;
    for (Engine layer : layers) {
      entries += layer.codes().entries();
      if (layer.leastScore() > 0) {
        least = Math.min(least, layer.leastScore());
      }
    }
    codes.begin(rows, entries);
    int at = 0;
    for (int row = 0; row < rows; row++) {
      int first = 0;
      for (Engine layer : layers) {
        Codes own = layer.codes();
        for (int entry = own.offset(row); entry < own.offset(row + 1); entry++) {
          codes.put(at++, first + own.feature(entry), own.value(entry));
        }
        first += layer.spec().features();
      }
      codes.endRow(at);
    }
    codes.setLeastScore(least == Float.POSITIVE_INFINITY ? 0 : least);
  }

  @Override
  public double decode(Rows target, boolean gradients) {
    int width = spec.outputWidth();
    if (target.width() != width || target.count() != rows) {
      throw new IllegalArgumentException(
          "the target is %d x %d, the reconstruction %d x %d"
              .formatted(target.count(), target.width(), rows, width));
    }
    int size = Math.multiplyExact(rows, width);
    reconstruction = ScratchArrays.atLeast(reconstruction, size);
    wanted = ScratchArrays.atLeast(wanted, size);
    Arrays.fill(reconstruction, 0, size, 0);
    MemorySegment noTarget = zeros.of(rows, width);
    for (int layer = 0; layer < layers.size(); layer++) {
      int own = width - outputAt[layer];
      Engine engine = layers.get(layer);
      engine.decode(new Rows(noTarget, DType.F32, rows, own), false);
      MemorySegment written = scratch.get(layer).written.of(rows, own);
      engine.readReconstruction(written);
      for (int row = 0; row < rows; row++) {
        int to = row * width + outputAt[layer];
        for (int i = 0; i < own; i++) {
          reconstruction[to + i] +=
              written.getAtIndex(DictionaryParameters.FLOAT, (long) row * own + i);
        }
      }
    }
    double error = 0;
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < width; i++) {
        int at = row * width + i;
        wanted[at] = target.at(row, i);
        double distance = (double) reconstruction[at] - wanted[at];
        error += distance * distance;
      }
    }
    if (gradients) {
      for (int layer = 0; layer < layers.size(); layer++) {
        decodeWithOthers(layer);
      }
    }
    return error;
  }

  @Override
  public boolean decodeForTraining(Rows target) {
    double error = decode(target, true);
    results.add(new BatchResult(error, codes.entries(), codes.leastScore()));
    return true;
  }

  @Override
  public List<BatchResult> takeResults() {
    List<BatchResult> all = List.copyOf(results);
    results.clear();
    return all;
  }

  private void decodeWithOthers(int layer) {
    int width = spec.outputWidth();
    int own = width - outputAt[layer];
    MemorySegment written = scratch.get(layer).written.of(rows, own);
    MemorySegment target = scratch.get(layer).target.of(rows, own);
    for (int row = 0; row < rows; row++) {
      int from = row * width + outputAt[layer];
      for (int i = 0; i < own; i++) {
        long at = (long) row * own + i;
        float others =
            reconstruction[from + i] - written.getAtIndex(DictionaryParameters.FLOAT, at);
        target.setAtIndex(DictionaryParameters.FLOAT, at, wanted[from + i] - others);
      }
    }
    layers.get(layer).decode(new Rows(target, DType.F32, rows, own), true);
  }

  @Override
  public DoubleSupplier penalise(Penalty penalty, double weight) {
    return sum(layers.stream().map(layer -> layer.penalise(penalty, weight)).toList());
  }

  private static DoubleSupplier sum(List<DoubleSupplier> each) {
    return () -> {
      double sum = 0;
      for (DoubleSupplier one : each) {
        sum += one.getAsDouble();
      }
      return sum;
    };
  }

  @Override
  public double charge(Penalty penalty) {
    double sum = 0;
    for (Engine layer : layers) {
      sum += layer.charge(penalty);
    }
    return sum;
  }

  /** {@inheritDoc} Each layer's dead features learn the residual of the outputs that they write. */
  @Override
  public DoubleSupplier addDeadFeatureLoss(int k, double weight, long clock) {
    return sum(layers.stream().map(layer -> layer.addDeadFeatureLoss(k, weight, clock)).toList());
  }

  @Override
  public void accumulate() {
    layers.forEach(Engine::accumulate);
  }

  @Override
  public void update(AdamStep step) {
    for (Engine layer : layers) {
      layer.update(step);
    }
    // The outputs have one bias, and the first layer has moved it.
    for (Engine layer : layers.subList(1, layers.size())) {
      for (StateTensor tensor : layer.state()) {
        if (tensor.name().startsWith("decoder_bias")) {
          layer.write(tensor, zeros.ofBytes(tensor.bytes()));
        }
      }
    }
  }

  @Override
  public Codes codes() {
    return codes;
  }

  @Override
  public void readReconstruction(MemorySegment destination) {
    // The engine itself throws if calls are out of order.
    layers.getFirst().readReconstruction(scratch.getFirst().written.of(rows, spec.outputWidth()));
    MemorySegment.copy(
        reconstruction, 0, destination, DictionaryParameters.FLOAT, 0, rows * spec.outputWidth());
  }

  @Override
  public void markFired(long clock) {
    layers.forEach(layer -> layer.markFired(clock));
  }

  @Override
  public int firedSince(long clock) {
    return layers.stream().mapToInt(layer -> layer.firedSince(clock)).sum();
  }

  @Override
  public List<StateTensor> state() {
    List<StateTensor> all = new ArrayList<>();
    for (int layer = 0; layer < layers.size(); layer++) {
      for (StateTensor tensor : layers.get(layer).state()) {
        all.add(named(layer, tensor));
      }
    }
    return List.copyOf(all);
  }

  private static StateTensor named(int layer, StateTensor tensor) {
    return new StateTensor("layer" + layer + "." + tensor.name(), tensor.dtype(), tensor.shape());
  }

  @Override
  public MemorySegment read(StateTensor tensor, long first, long count, Arena target) {
    return owner(tensor).read(own(tensor), first, count, target);
  }

  @Override
  public void write(StateTensor tensor, long first, MemorySegment data) {
    owner(tensor).write(own(tensor), first, data);
  }

  private Engine owner(StateTensor tensor) {
    for (int layer = 0; layer < layers.size(); layer++) {
      if (tensor.name().startsWith("layer" + layer + ".")) {
        return layers.get(layer);
      }
    }
    throw new IllegalArgumentException(
        "the state of engine " + name() + " has no " + tensor + "; it has " + state());
  }

  private static StateTensor own(StateTensor tensor) {
    String name = tensor.name().substring(tensor.name().indexOf('.') + 1);
    return new StateTensor(name, tensor.dtype(), tensor.shape());
  }

  /**
   * {@inheritDoc} As one dictionary over all inputs and outputs, with zeros where a layer does not
   * read or write.
   */
  @Override
  public DictionaryParameters parameters(Arena target) {
    DictionaryParameters all =
        DictionaryParameters.allocate(
            target, spec.inputWidth(), spec.outputWidth(), spec.features());
    long first = 0;
    for (int layer = 0; layer < layers.size(); layer++) {
      EngineSpec own = layers.get(layer).spec();
      try (Arena scratch = Arena.ofShared()) {
        DictionaryParameters part = layers.get(layer).parameters(scratch);
        for (long feature = 0; feature < own.features(); feature++) {
          MemorySegment.copy(
              part.encoder(),
              feature * own.inputWidth() * Float.BYTES,
              all.encoder(),
              ((first + feature) * spec.inputWidth() + inputAt[layer]) * Float.BYTES,
              (long) own.inputWidth() * Float.BYTES);
          MemorySegment.copy(
              part.decoder(),
              feature * own.outputWidth() * Float.BYTES,
              all.decoder(),
              ((first + feature) * spec.outputWidth() + outputAt[layer]) * Float.BYTES,
              (long) own.outputWidth() * Float.BYTES);
        }
        all.encoderBias()
            .asSlice(first * Float.BYTES, (long) own.features() * Float.BYTES)
            .copyFrom(part.encoderBias());
        if (layer == 0) {
          all.decoderBias().copyFrom(part.decoderBias());
        }
      }
      first += own.features();
    }
    return all;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      layers.forEach(Engine::close);
      codes.close();
      zeros.close();
      scratch.forEach(Scratch::close);
    }
  }

  /** What one layer's engine reads and writes, in memory of its own. */
  private static final class Scratch implements AutoCloseable {
    final GrowingMemory input = GrowingMemory.owned();
    final GrowingMemory target = GrowingMemory.owned();
    final GrowingMemory written = GrowingMemory.owned();

    @Override
    public void close() {
      input.close();
      target.close();
      written.close();
    }
  }
}
