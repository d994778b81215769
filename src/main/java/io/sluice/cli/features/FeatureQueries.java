package io.sluice.cli.features;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Terminal;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.results.FeatureText;
import io.sluice.cli.results.FiringText;
import io.sluice.cli.results.HitText;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.features.ContextSearch;
import io.sluice.features.Feature;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureJson;
import io.sluice.features.FeatureReader;
import io.sluice.features.effects.FiringFeatures;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.features.GatheredLorsa;
import io.sluice.lorsa.features.LorsaFiring;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Questions about a folder of features: one feature, a search, a text, an export. */
@Grouped(OptionGroup.ESSENTIAL)
public final class FeatureQueries {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Option(
      names = "--features",
      paramLabel = "DIR",
      description = "Read the features in this folder, which 'sluice features --out' wrote.")
  private Path folder;

  @Option(
      names = "--show",
      paramLabel = "FEATURE",
      description =
          "Print the feature of this number: how often it fires, what it promotes, and the"
              + " contexts in which it fires most.")
  private Integer show;

  @Option(
      names = "--search",
      paramLabel = "WORDS",
      description = "Find the features whose top contexts fire on these words.")
  private String search;

  @Option(
      names = "--text",
      paramLabel = "WORDS",
      description =
          "With --model: print the features that fire on this text, the strongest first, for each"
              + " token.")
  private String text;

  @Option(
      names = "--most",
      paramLabel = "N",
      defaultValue = "20",
      description = "Show at most N features of a search (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OUTPUT)
  private int most;

  @Mixin private ExportOptions export;

  /** Whether one of the questions is asked. */
  public boolean areAsked() {
    return Stream.of(show, search, text).anyMatch(given -> given != null) || export.isAsked();
  }

  /**
   * Answers the question.
   *
   * @param dictionary the dictionary's folder, for {@code --text}; null for the one that the
   *     features were gathered with
   * @param out the folder of an export; null if none is given
   */
  public void answer(
      SluiceCommand command,
      FeatureModel model,
      EngineOptions engines,
      Path dictionary,
      Path out,
      boolean json)
      throws IOException {
    check(command, model, dictionary);
    FeatureFolder features = folder == null ? null : FeatureFolder.open(folder);
    if (text != null) {
      firing(command, model, engines, dictionary, features, json);
      return;
    }
    FeatureReader reader = new FeatureReader(features);
    if (show != null) {
      show(command, reader.read(show), json);
    } else if (search != null) {
      search(command, reader, json);
    } else {
      export.write(command, reader, out);
    }
  }

  private void check(SluiceCommand command, FeatureModel model, Path dictionary) {
    long asked = Stream.of(show, search, text).filter(given -> given != null).count();
    if (asked + (export.isAsked() ? 1 : 0) > 1) {
      throw command.usage("--show, --search, --text and --export go one at a time");
    }
    command.requirePositive("--most", most);
    if (text != null && !model.isGiven()) {
      throw command.usage("--text needs --model, the model whose activations were stored");
    }
    if (text != null && folder == null && dictionary == null) {
      throw command.usage("--text needs --features or --dictionary");
    }
    if (text == null && folder == null) {
      throw command.usage("give --features, a folder that 'sluice features --out' wrote");
    }
  }

  private void show(SluiceCommand command, Feature feature, boolean json) throws IOException {
    if (json) {
      print(command, FeatureJson.of(feature));
    } else {
      new FeatureText(command.out(), Terminal.showsColours(), Terminal.pageColumns())
          .print(feature);
    }
  }

  private void search(SluiceCommand command, FeatureReader reader, boolean json)
      throws IOException {
    List<ContextSearch.Hit> hits = new ContextSearch(reader.folder(), search).find(most);
    if (json) {
      print(command, HitText.json(hits, reader));
    } else if (hits.isEmpty()) {
      command.out().printf("no feature fires on '%s' in its top contexts%n", search);
    } else {
      HitText.print(hits, reader, command.out(), Terminal.showsColours(), Terminal.pageColumns());
    }
  }

  private void firing(
      SluiceCommand command,
      FeatureModel model,
      EngineOptions engines,
      Path dictionary,
      FeatureFolder features,
      boolean json)
      throws IOException {
    Path weights = dictionary != null ? dictionary : dictionary(features);
    EngineFactory factory = engines.engines(command);
    try (LoadedModel loaded = model.open(command, engines.device(command))) {
      List<FiringFeatures.Token> tokens = firing(model, loaded, weights, factory, features);
      Words words = new Words(loaded, features);
      if (json) {
        print(command, FiringText.json(tokens, words::of));
      } else {
        FiringText.print(tokens, words::of, command.out());
      }
    }
  }

  private List<FiringFeatures.Token> firing(
      FeatureModel model,
      LoadedModel opened,
      Path weights,
      EngineFactory factory,
      FeatureFolder features)
      throws IOException {
    if (CrossLayerDictionary.isIn(weights)) {
      CrossLayerDictionary joint = CrossLayerDictionary.load(weights);
      int count = joint.layers().stream().mapToInt(layer -> layer.config().features()).sum();
      requireSame(features, weights, count);
      Optional<Boolean> begins = joint.layers().getFirst().config().prependBos();
      return FiringFeatures.of(model.beginning(opened, begins), joint, factory, text);
    }
    if (Lorsa.isIn(weights)) {
      GatheredLorsa lorsa = GatheredLorsa.load(weights, opened.transformer().device());
      requireSame(features, weights, lorsa.features());
      return LorsaFiring.of(model.beginning(opened, Optional.empty()), lorsa, text);
    }
    Dictionary one = Dictionary.load(weights);
    requireSame(features, weights, one.config().features());
    LoadedModel loaded = model.beginning(opened, one.config().prependBos());
    return FiringFeatures.of(loaded, one, factory, text);
  }

  private static Path dictionary(FeatureFolder features) throws IOException {
    Path path = Path.of(features.manifest().dictionary().path());
    if (!Files.isDirectory(path)) {
      throw new IOException(
          path
              + ": the dictionary of "
              + features.path()
              + " is not there any more; name it with --dictionary");
    }
    return path;
  }

  private static void requireSame(FeatureFolder features, Path weights, int count) {
    if (features != null && features.manifest().dictionary().features() != count) {
      throw new IllegalArgumentException(
          "%s has %,d features, the dictionary in %s has %,d; give the dictionary that the features were gathered with"
              .formatted(
                  features.path(), features.manifest().dictionary().features(), weights, count));
    }
  }

  private static void print(SluiceCommand command, JsonNode json) throws IOException {
    command.out().println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  /** The texts of tokens: those of the folder, or else of the model's tokenizer. */
  private record Words(LoadedModel model, FeatureFolder features) {
    String of(int id) {
      if (features != null) {
        return features.tokens().text(id);
      }
      try {
        return model.tokenizer().decode(new int[] {id});
      } catch (IOException e) {
        return "<" + id + ">";
      }
    }
  }
}
