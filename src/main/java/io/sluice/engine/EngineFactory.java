package io.sluice.engine;

import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.util.Locale;
import org.slf4j.LoggerFactory;

/** Makes engines of one kind. */
@FunctionalInterface
public interface EngineFactory {

  /**
   * An engine that starts from a copy of {@code initial}.
   *
   * @throws IllegalArgumentException if the shapes disagree
   */
  Engine open(EngineSpec spec, Parameters initial);

  /** Engines in plain Java; slow, the specification. */
  static EngineFactory reference() {
    return ReferenceEngine::new;
  }

  /**
   * Engines over LibTorch.
   *
   * @throws io.sluice.torch.TorchException if LibTorch cannot be loaded
   */
  static EngineFactory torch(Device device) {
    Torch.load();
    return (spec, initial) -> new TorchEngine(spec, initial, device);
  }

  /**
   * The factory that a name means: {@code torch}, {@code reference}, or {@code auto} for the
   * fastest that works here.
   *
   * @throws IllegalArgumentException for another name, or for an engine that cannot use the device
   * @throws io.sluice.torch.TorchException if LibTorch is needed and cannot be loaded
   */
  static EngineFactory named(String name, Device device) {
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "torch" -> torch(device);
      case "reference" -> {
        if (device.isCuda()) {
          throw new IllegalArgumentException(
              "the reference engine runs on the CPU only, not on " + device);
        }
        yield reference();
      }
      case "auto" -> {
        if (device.isCuda() || Torch.isAvailable()) {
          yield torch(device);
        }
        LoggerFactory.getLogger(EngineFactory.class)
            .warn(
                "LibTorch was not found ('sluice doctor' says why); the reference engine, which is"
                    + " slow, takes its place");
        yield reference();
      }
      default ->
          throw new IllegalArgumentException(
              "unknown engine '" + name + "'; known: auto, torch, reference");
    };
  }
}
