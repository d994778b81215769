package io.sluice.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.features.FeatureModel;
import io.sluice.cli.features.FeatureQueries;
import io.sluice.cli.gather.GatherOptions;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.DeadWindowOption;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.DictionaryMemory;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.engine.EngineFactory;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.features.effects.EffectsWriter;
import io.sluice.features.gather.FeatureGathering;
import io.sluice.features.gather.FeatureOwner;
import io.sluice.features.gather.GatherSpec;
import io.sluice.features.gather.GatheredDictionary;
import io.sluice.features.gather.SharedGathering;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.features.GatheredLorsa;
import io.sluice.lorsa.features.LorsaSourcePass;
import io.sluice.memory.Workers;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice features}: what the features of a dictionary fire on. */
@Command(
    name = "features",
    description = {
      "Find out what the features of a dictionary fire on.",
      "One pass over a store writes a folder of Arrow files: for every feature how often and "
          + "how strongly it fires, the contexts in which it fires most and some in which it "
          + "fires less, and the features most similar to it. With --model also the tokens that it "
          + "promotes, and the heads and source positions that it comes from. "
          + "docs/file-formats.md describes the files; Python reads them without Sluice.",
      "--show prints one feature of such a folder, with its activation as the colour of each "
          + "token. --search finds features by words on which they fire, --text those that fire "
          + "on a given text. --export writes the folder as other tools read it."
    })
@Examples({
  "sluice features --dictionary runs/asi --store activations --out features",
  "sluice features --features features --show 123",
  "sluice features --features features --search whale",
  "sluice features --features features --text 'Call me Ishmael' --model model/"
})
public class FeaturesCommand extends SluiceCommand {
  @Option(
      names = "--dictionary",
      paramLabel = "DIR",
      description =
          "Read the dictionary in this folder, of a run or from 'sluice convert', or of this name on "
              + "the HuggingFace hub; or the Lorsa of 'sluice lorsa train', whose heads are its "
              + "features.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path folder;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Read activations and texts from this folder of 'sluice capture'.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path stored;

  @Mixin private FeatureModel model;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Write the features, or the export, into this folder, which is new or empty.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path out;

  @Mixin private FeatureQueries queries;

  @Mixin private StoreChecksums checksums;

  @Mixin private GatherOptions contexts;

  @Mixin private DeadWindowOption deadWindow;

  @Mixin private PositionOption positions;

  @Mixin private EngineOptions engines;

  @Mixin private JsonOption json;

  @Override
  protected final void run() throws IOException {
    if (queries.areAsked()) {
      engines.check(this);
      answer();
    } else {
      gather();
    }
  }

  /** Answers a question about a folder of features. */
  protected void answer() throws IOException {
    queries.answer(this, model, engines, folder, out, json.asked());
  }

  private void gather() throws IOException {
    require("--dictionary", folder);
    require("--store", stored);
    require("--out", out);
    contexts.check(this);
    deadWindow.check(this);
    positions.check(this);
    engines.check(this);
    EngineFactory factory = engines.engines(this);
    StoreChecksums.requireApart(this, stored, out);
    if (Files.exists(out.resolve(FeatureManifest.FILE_NAME))) {
      throw new IOException(out + ": already holds features; name another folder");
    }
    FeatureOwner owner = owner(factory);
    ActivationStore store = open(checksums, stored);
    GatherSpec spec = contexts.spec(positions.of(store), deadWindow.tokens());
    try (LoadedModel loaded = model.isGiven() ? model.open(this, engines.device(this)) : null;
        Workers workers = engines.workers();
        FeatureGathering gathering = new FeatureGathering(owner, store, spec, factory, workers)) {
      tellNeed(gathering, spec.mostBytes(owner.features()));
      EffectsWriter effects = loaded == null ? null : effects(loaded, store, owner);
      FeatureFolderWriter.write(
          out,
          fresh -> {
            FeatureManifest manifest = gather(gathering, store.rows(), owner.features(), fresh);
            return effects == null ? manifest : add(effects, manifest, fresh);
          });
      if (effects != null) {
        effects.leftOut().forEach(err()::println);
      }
    }
    printResult(FeatureFolder.open(out));
  }

  /** Opens the store and verifies it, if that is wanted. */
  protected ActivationStore open(StoreChecksums checks, Path place) throws IOException {
    return checks.open(place);
  }

  /**
   * Encodes the store and writes all files that need no model.
   *
   * @param rows of the store
   * @param features of the dictionary
   */
  protected FeatureManifest gather(
      FeatureGathering gathering, long rows, long features, FeatureFolderWriter fresh)
      throws IOException {
    try (Progress progress = progress("encode", rows, "tokens")) {
      gathering.encode(fresh.folder(), progress::update);
      progress.done();
    }
    // Each feature counts twice: when similar ones are found, and when it is written.
    try (Progress progress = progress("describe", features, "features")) {
      FeatureManifest manifest = gathering.writeTo(fresh, count -> progress.update(count / 2));
      progress.done();
      return manifest;
    }
  }

  /** Whether LibTorch runs the dictionary. */
  protected final boolean usesTorch() {
    return engines.areOfTorch(this);
  }

  /** Opens what the options name, to do a part of the work on a store in this process. */
  protected final SharedGathering shared(ActivationStore store) throws IOException {
    EngineFactory factory = engines.engines(this);
    FeatureOwner owner = owner(factory);
    GatherSpec spec = contexts.spec(positions.of(store), deadWindow.tokens());
    return new FeatureGathering(owner, store, spec, factory, engines.workers()).shared();
  }

  private FeatureOwner owner(EngineFactory factory) throws IOException {
    Path found = HubFiles.dictionary(this, folder);
    if (!Lorsa.isIn(found)
        && !CrossLayerDictionary.isIn(found)
        && DictionaryFormat.isForeign(found)) {
      throw new IOException(
          ("%s: is a dictionary of the format %s; convert it first: "
                  + "sluice convert --dictionary %s --to sluice --out NEW")
              .formatted(folder, DictionaryFormat.of(found).label(), folder));
    }
    DictionaryMemory.require(found, factory);
    return Lorsa.isIn(found)
        ? GatheredLorsa.load(found, engines.device(this))
        : GatheredDictionary.load(found);
  }

  private EffectsWriter effects(LoadedModel opened, ActivationStore store, FeatureOwner owner)
      throws IOException {
    LoadedModel loaded = model.beginning(opened, store.manifest().prependBos());
    return switch (owner) {
      case GatheredLorsa lorsa -> LorsaSourcePass.effects(loaded, store, lorsa);
      case GatheredDictionary dictionary ->
          EffectsWriter.of(loaded, store, dictionary.dictionaries());
      default -> throw new IllegalStateException(owner.toString());
    };
  }

  /** Prints what it will take, before it starts. */
  private void tellNeed(FeatureGathering gathering, long bytes) throws IOException {
    err()
        .printf(
            "features: %s; at most %s of memory%s%n",
            DiskNeed.of(out, bytes).mostText(),
            DiskNeed.size(gathering.memoryBytes()),
            model.isGiven() ? ", and what the model needs" : "");
    err().flush();
  }

  private void require(String name, Path value) {
    if (value == null) {
      throw usage("Missing required option: '" + name + "=DIR'");
    }
  }

  private FeatureManifest add(
      EffectsWriter effects, FeatureManifest manifest, FeatureFolderWriter fresh)
      throws IOException {
    try (Progress progress = progress("effects", effects.steps(), "features")) {
      FeatureManifest with = effects.write(fresh, manifest, progress::update);
      progress.done();
      return with;
    }
  }

  private void printResult(FeatureFolder written) {
    FeatureManifest manifest = written.manifest();
    int features = written.features().features();
    int dead = 0;
    for (int feature = 0; feature < features; feature++) {
      dead += written.features().dead(feature) ? 1 : 0;
    }
    if (json.asked()) {
      ObjectNode result = new ObjectMapper().createObjectNode();
      result.put("folder", out.toString());
      result.put("features", features);
      result.put("dead", dead);
      result.put("deadWindowTokens", manifest.deadWindow());
      result.put("tokens", manifest.tokens());
      result.put("contexts", written.contexts().count());
      out().println(result.toPrettyString());
    } else {
      out()
          .printf(
              Locale.ROOT,
              "%s: %,d features on %,d tokens, %,d of them dead in the last %,d; %,d contexts%n",
              out,
              features,
              manifest.tokens(),
              dead,
              manifest.deadWindow(),
              written.contexts().count());
    }
  }
}
