package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.StateFile;
import io.sluice.training.start.Blueprint;
import io.sluice.training.start.StartingPoint;
import io.sluice.training.start.WhiteningMap;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The dictionary of a run as it was at one of its checkpoints, in the units of the raw activations.
 * The run may go on meanwhile, or have ended.
 */
public final class CheckpointDictionary implements AutoCloseable {
  /** In the settings of a run without a store, the object with the width of each hook point. */
  public static final String WIDTHS = "widths";

  private final Engine engine;
  private final WhiteningMap map;
  private final DictionarySource source;

  private CheckpointDictionary(Engine engine, WhiteningMap map, DictionarySource source) {
    this.engine = engine;
    this.map = map;
    this.source = source;
  }

  /** Whether a file has the name of a checkpoint. */
  public static boolean isNamed(Path file) {
    return StateFile.isNamed(file);
  }

  /**
   * Reads a checkpoint. Its weights, not its moments, are copied to memory.
   *
   * @param file in the folder of its run
   * @throws IOException if it or the {@code run.json} beside it is damaged, or it is of a Lorsa or
   *     a cross-layer transcoder; one line that names the file
   */
  public static CheckpointDictionary open(Path file) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    JsonNode settings = RunFolder.description(folder).path("config");
    if (settings.has("lorsa")) {
      throw new IOException(file + ": is of a Lorsa, which is no dictionary");
    }
    TrainingConfig config = Settings.read(settings, folder.resolve(RunFolder.DESCRIPTION));
    Blueprint blueprint = blueprint(config, settings, file);
    if (blueprint.isCrossLayer()) {
      throw new IOException(
          file + ": is of a cross-layer transcoder, which is several dictionaries");
    }
    WhiteningMap map =
        config.remedies().mapInput() ? WhiteningMap.read(folder, blueprint.inputWidth()) : null;
    Engine engine = null;
    try {
      Blueprint inside = map == null ? blueprint : blueprint.within(map.inside());
      engine = inside.openEmpty(EngineFactory.vector(Workers.allCores()), Optimiser.NONE);
      Checkpoint read = Checkpoint.read(file, engine);
      StartingPoint start = read.start().ofAutoencoder(config.hook());
      DictionarySource source =
          Export.dictionary(
              blueprint.dictionary(
                  Export.threshold(read.threshold().value(), blueprint, start, map)),
              engine,
              start,
              map);
      return new CheckpointDictionary(engine, map, source);
    } catch (IOException | RuntimeException e) {
      close(engine, map);
      throw e;
    }
  }

  /**
   * From the run's store. Of a run without one, its settings have the widths; where the store is
   * gone, the checkpoint has them, if one hook point is each.
   */
  private static Blueprint blueprint(TrainingConfig config, JsonNode settings, Path file)
      throws IOException {
    List<String> reads = config.kind().inputs(config.hook());
    List<String> writes = config.kind().outputs(config.hook());
    JsonNode widths = settings.path(WIDTHS);
    if (widths.isObject()) {
      return blueprint(config, settings, sites(reads, widths, file), sites(writes, widths, file));
    }
    Path store = Path.of(settings.path("store").asText());
    if (Files.isDirectory(store) || reads.size() > 1 || writes.size() > 1) {
      return Blueprint.of(config, ActivationStore.open(store));
    }
    Safetensors tensors = Safetensors.open(file);
    return blueprint(
        config,
        settings,
        List.of(new Site(reads.getFirst(), width(tensors, "encoder", file))),
        List.of(new Site(writes.getFirst(), width(tensors, "decoder", file))));
  }

  private static Blueprint blueprint(
      TrainingConfig config, JsonNode settings, List<Site> inputs, List<Site> outputs) {
    JsonNode bos = settings.path(Manifest.PREPEND_BOS);
    return new Blueprint(
        config,
        settings.path("model").asText(),
        bos.isBoolean() ? Optional.of(bos.booleanValue()) : Optional.empty(),
        inputs,
        outputs);
  }

  private static List<Site> sites(List<String> hooks, JsonNode widths, Path file)
      throws IOException {
    List<Site> sites = new ArrayList<>();
    for (String hook : hooks) {
      int width = widths.path(hook).asInt();
      if (width < 1 || width > Column.MAX_WIDTH) {
        throw new IOException(
            file.resolveSibling(RunFolder.DESCRIPTION)
                + ": does not say how wide '"
                + hook
                + "' is; restore it");
      }
      sites.add(new Site(hook, width));
    }
    return sites;
  }

  private static int width(Safetensors tensors, String name, Path file) throws IOException {
    if (!tensors.names().contains(name) || tensors.info(name).shape().length != 2) {
      throw new IOException(file + ": has no matrix '" + name + "'; restore it");
    }
    return Math.toIntExact(tensors.info(name).shape()[1]);
  }

  /** The dictionary; good until this is closed. */
  public DictionarySource source() {
    return source;
  }

  private static void close(Engine engine, WhiteningMap map) {
    if (engine != null) {
      engine.close();
    }
    if (map != null) {
      map.close();
    }
  }

  @Override
  public void close() {
    close(engine, map);
  }
}
