package io.sluice.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.OutputFile;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.cli.results.ComparisonText;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.DictionaryMemory;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import io.sluice.engine.EngineFactory;
import io.sluice.features.FeatureManifest;
import io.sluice.features.compare.ComparedDictionary;
import io.sluice.features.compare.Comparison;
import io.sluice.features.compare.DictionaryComparer;
import io.sluice.features.compare.MatchFile;
import io.sluice.features.gather.GatheredDictionary;
import io.sluice.files.AtomicFile;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice compare}: how many features two dictionaries share. */
@Command(
    name = "compare",
    description = {
      "Compare the features of two dictionaries, of other seeds, starts, sizes or libraries.",
      "Features are matched by the cosine of their decoder rows: each with its best match, and "
          + "one to one. It prints the share of stable features, which have a match of at least a "
          + "given cosine, the mean max cosine similarity both ways, and in which directions the "
          + "others lie. With --store, features are also matched by the tokens on which they fire "
          + "(Jaccard index). With --matches, 'sluice browse' shows beside each feature its matches."
    })
@Examples({
  "sluice compare --dictionary runs/seed-0 --dictionary runs/seed-1",
  "sluice compare --dictionary runs/asi --dictionary downloaded --store activations --hook "
      + "layers.3.attn_out"
})
final class CompareCommand extends SluiceCommand {
  @Option(
      names = "--dictionary",
      paramLabel = "DIR",
      required = true,
      description =
          "Compare the dictionary in this folder, of a run or of a format that 'sluice convert' "
              + "reads, or of this name on the HuggingFace hub; give it twice.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> folders;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Also compare on which tokens of this store features fire.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path storeFolder;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--hook",
      paramLabel = "NAME",
      description =
          "Read this hook point of the store, where the dictionaries' files name none or another.")
  @Grouped(OptionGroup.ESSENTIAL)
  private String hook;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "100000",
      description = "Compare on the first N tokens of the store (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.DATA)
  private int tokens;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Also write the result to this file, as JSON.")
  @Grouped(OptionGroup.OUTPUT)
  private Path file;

  @Option(
      names = "--matches",
      paramLabel = "FILE",
      description =
          "Also write each feature's best matches in the other dictionary to this Arrow file, for "
              + "'sluice browse'.")
  @Grouped(OptionGroup.OUTPUT)
  private Path matches;

  @Mixin private EngineOptions engines;

  @Mixin private JsonOption json;

  @Override
  protected void run() throws IOException {
    if (folders.size() != 2) {
      throw usage("--dictionary is needed twice, not " + folders.size() + " times");
    }
    if (tokens < 1) {
      throw usage("--tokens must be at least 1, not " + tokens);
    }
    if (hook != null && storeFolder == null) {
      throw usage("--hook is a hook point of a --store");
    }
    engines.check(this);
    EngineFactory factory = engines.engines(this);
    OutputFile.check("--out", file);
    OutputFile.check("--matches", matches);
    List<HubFiles.Named> found = new ArrayList<>();
    for (Path folder : folders) {
      found.add(HubFiles.named(this, folder, null));
      requireMemory(found.getLast().place(), factory);
    }
    ComparedDictionary a = read(found.getFirst());
    ComparedDictionary b = read(found.getLast());
    String refusal = a.refusal(b);
    if (refusal != null) {
      throw new IOException(
          "%s and %s: %s; compare dictionaries of the same hook points"
              .formatted(folders.getFirst(), folders.getLast(), refusal));
    }
    List<MatchFile.Side> sides =
        matches == null
            ? List.of()
            : List.of(side(found.getFirst().place()), side(found.getLast().place()));
    ActivationStore store = storeFolder == null ? null : checksums.open(storeFolder);
    DictionaryComparer comparer = new DictionaryComparer(a, b);
    Comparison comparison;
    try (Progress progress = progress("compare", comparer.work(store, tokens), "features")) {
      comparison = comparer.compare(store, tokens, factory, progress::update);
      progress.done();
    }
    if (matches != null) {
      comparer.writeMatches(matches, sides.getFirst(), sides.getLast());
    }
    String text =
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(comparison) + "\n";
    if (file != null) {
      AtomicFile.write(file, text);
    }
    if (json.asked()) {
      out().print(text);
    } else {
      new ComparisonText(comparison).print(out());
    }
  }

  private static void requireMemory(Path folder, EngineFactory engines) throws IOException {
    if (CrossLayerDictionary.isIn(folder)) {
      DictionaryMemory.require(folder, engines);
    } else if (Files.exists(folder)) {
      DictionaryFormat.of(folder).requireMemory(folder, engines);
    }
  }

  /** What identifies a dictionary in a file of matches: it must be one that features are of. */
  private static MatchFile.Side side(Path folder) throws IOException {
    if (!Files.exists(folder.resolve("dictionary.json")) && !CrossLayerDictionary.isIn(folder)) {
      throw new IOException(
          folder
              + ": is not in Sluice's format, so that its features cannot be browsed; convert it with"
              + " 'sluice convert' first");
    }
    FeatureManifest.Source source = GatheredDictionary.load(folder).source();
    return new MatchFile.Side(source.path(), source.sha256(), source.features());
  }

  private ComparedDictionary read(HubFiles.Named named) throws IOException {
    Path folder = named.place();
    if (!Files.isDirectory(folder) && !Files.isRegularFile(folder)) {
      throw new NotDirectoryException(folder.toString());
    }
    if (CrossLayerDictionary.isIn(folder)) {
      if (hook != null) {
        throw new IOException(
            folder
                + ": is a cross-layer transcoder, which names its hook points; leave --hook out");
      }
      return ComparedDictionary.of(CrossLayerDictionary.load(folder));
    }
    Origin origin = named.origin().named(null, hook, null);
    return ComparedDictionary.of(DictionaryFormat.of(folder).read(folder, origin));
  }
}
