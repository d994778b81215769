package io.sluice.engine;

import io.sluice.engine.reference.ReferenceArithmetic;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.torch.TorchArithmetic;
import io.sluice.engine.vector.VectorArithmetic;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.OptionalLong;

/** Makes engines of one kind. */
@FunctionalInterface
public interface EngineFactory {

  /**
   * An engine that starts from a copy of {@code initial}.
   *
   * @throws IllegalArgumentException if the shapes disagree
   */
  Engine open(EngineSpec spec, DictionaryParameters initial);

  /**
   * An engine whose parameters are 0, to be {@linkplain Engine#write written}.
   *
   * @throws IllegalArgumentException as {@link #open}
   */
  default Engine openZeros(EngineSpec spec) {
    try (Arena arena = Arena.ofShared()) {
      return open(
          spec,
          DictionaryParameters.allocate(
              arena, spec.inputWidth(), spec.outputWidth(), spec.features()));
    }
  }

  /**
   * An engine without optimiser that reads the parameters where they are, if it can, and else a
   * copy of them.
   *
   * @param weights native memory, as all threads may read it, that stays as it is until the engine
   *     is closed
   * @throws IllegalArgumentException if the shapes disagree, or there is an optimiser
   */
  default Engine openOver(EngineSpec spec, DictionaryParameters weights) {
    if (spec.optimiser() != Optimiser.NONE) {
      throw new IllegalArgumentException("an engine that trains needs weights of its own");
    }
    return open(spec, weights);
  }

  /**
   * Checks that these engines compute what a specification asks for, before anything is read for
   * it.
   *
   * @throws IllegalArgumentException if they do not
   */
  default void require(EngineSpec spec) {}

  /** Engines in plain Java; slow, the specification. They multiply in float32 only. */
  static EngineFactory reference() {
    return new EngineFactory() {
      @Override
      public void require(EngineSpec spec) {
        requireFloat32("reference", spec);
      }

      @Override
      public Engine open(EngineSpec spec, DictionaryParameters initial) {
        require(spec);
        return new CheckedEngine(spec, initial, ReferenceArithmetic::new);
      }

      @Override
      public Engine openZeros(EngineSpec spec) {
        return open(spec, null);
      }
    };
  }

  private static void requireFloat32(String engine, EngineSpec spec) {
    if (spec.precision() != DType.F32) {
      throw new IllegalArgumentException(
          "the %s engine multiplies in float32 only, not in %s; --engine torch does"
              .formatted(engine, spec.precision().label()));
    }
  }

  /**
   * Engines of fused vector kernels on the CPU; they need no LibTorch. They multiply in float32
   * only.
   */
  static EngineFactory vector(Workers workers) {
    return new EngineFactory() {
      @Override
      public void require(EngineSpec spec) {
        requireFloat32("vector", spec);
      }

      @Override
      public Engine open(EngineSpec spec, DictionaryParameters initial) {
        require(spec);
        return new CheckedEngine(
            spec, initial, (s, start) -> new VectorArithmetic(s, start, workers, false));
      }

      @Override
      public Engine openZeros(EngineSpec spec) {
        return open(spec, null);
      }

      @Override
      public Engine openOver(EngineSpec spec, DictionaryParameters weights) {
        if (spec.optimiser() != Optimiser.NONE) {
          return EngineFactory.super.openOver(spec, weights);
        }
        require(spec);
        return new CheckedEngine(
            spec, weights, (s, start) -> new VectorArithmetic(s, start, workers, true));
      }

      @Override
      public boolean readsInPlace() {
        return true;
      }
    };
  }

  /**
   * Whether {@link #openOver} reads the parameters where they are, and {@link Engine#read} gives
   * the engine's own memory.
   */
  default boolean readsInPlace() {
    return false;
  }

  /**
   * How many times a training engine keeps parameters, moments counted like them, in host memory:
   * three, unless it keeps them elsewhere.
   */
  default int hostCopies() {
    return 3;
  }

  /** The memory of the GPU where training engines keep all their state; empty without one. */
  default OptionalLong gpuBytes() {
    return OptionalLong.empty();
  }

  /**
   * Whether the thread that calls an engine should find the next batch read already: another one
   * computes the step meanwhile.
   */
  default boolean wantsBatchesAhead() {
    return false;
  }

  /**
   * Engines over LibTorch.
   *
   * @throws io.sluice.torch.TorchException if LibTorch cannot be loaded or has no such device
   */
  static EngineFactory torch(Device device) {
    Torch.require(device);
    return new EngineFactory() {
      @Override
      public Engine open(EngineSpec spec, DictionaryParameters initial) {
        return new CheckedEngine(
            spec, initial, (s, start) -> new TorchArithmetic(s, start, device));
      }

      @Override
      public Engine openZeros(EngineSpec spec) {
        return open(spec, null);
      }

      @Override
      public boolean wantsBatchesAhead() {
        return true;
      }

      @Override
      public int hostCopies() {
        return device.isCuda() ? 0 : EngineFactory.super.hostCopies();
      }

      @Override
      public OptionalLong gpuBytes() {
        return device.isCuda()
            ? OptionalLong.of(Torch.cudaDevices().get(device.index()).memoryBytes())
            : OptionalLong.empty();
      }
    };
  }

  /**
   * The factory that a name means: {@code vector}, {@code torch}, {@code reference}, or {@code
   * auto} for the fastest on the device, which is {@code vector} on the CPU and {@code torch} on a
   * GPU.
   *
   * @param workers the threads of engines that do not leave threads to LibTorch
   * @throws IllegalArgumentException for another name, or for an engine that cannot use the device
   * @throws io.sluice.torch.TorchException if LibTorch is needed and cannot be loaded
   */
  static EngineFactory named(String name, Device device, Workers workers) {
    String kind = name.toLowerCase(Locale.ROOT);
    if (device.isCuda() && (kind.equals("vector") || kind.equals("reference"))) {
      throw new IllegalArgumentException(
          "the " + kind + " engine runs on the CPU only, not on " + device);
    }
    return switch (kind) {
      case "torch" -> torch(device);
      case "vector" -> vector(workers);
      case "reference" -> reference();
      case "auto" -> device.isCuda() ? torch(device) : vector(workers);
      default ->
          throw new IllegalArgumentException(
              "unknown engine '" + name + "'; known: auto, vector, torch, reference");
    };
  }

  /** Like the other method, with one thread per core. */
  static EngineFactory named(String name, Device device) {
    return named(name, device, Workers.allCores());
  }
}
