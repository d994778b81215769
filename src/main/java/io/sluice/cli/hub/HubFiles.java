package io.sluice.cli.hub;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.dictionary.formats.DictionaryChoice;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.SaeLensRegistry;
import io.sluice.hub.FileChoice;
import io.sluice.hub.Hub;
import io.sluice.model.loading.ModelChoice;
import io.sluice.model.loading.ModelFiles;
import io.sluice.model.loading.TokenizerChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What {@code --model}, {@code --dictionary} and {@code --tokenizer} name: a path, or a name on the
 * HuggingFace hub, whose files are fetched into its cache. Every command asks here.
 */
public final class HubFiles {
  private HubFiles() {}

  /**
   * The folder or file of a model with its tokenizer.
   *
   * @param given a path or a name; null if none is given
   * @return null if none is given
   * @throws IOException if it is neither, or cannot be fetched
   */
  public static Path model(SluiceCommand command, Path given) throws IOException {
    return find(command, given, new ModelChoice(true));
  }

  /** The folder of a dictionary in Sluice's format; otherwise as {@link #model}. */
  public static Path dictionary(SluiceCommand command, Path given) throws IOException {
    return find(command, given, DictionaryChoice.ofSluice());
  }

  /**
   * The folder of a dictionary in a format that is read; otherwise as {@link #model}.
   *
   * @param format the format; null for any
   */
  public static Path dictionary(SluiceCommand command, Path given, DictionaryFormat format)
      throws IOException {
    return named(command, given, format).place();
  }

  /**
   * A dictionary that was found.
   *
   * @param place its folder or file
   * @param scale the factor of activations that its files do not hold and SAELens's registry has
   */
  public record Named(Path place, OptionalDouble scale) {}

  /**
   * As {@link #dictionary(SluiceCommand, Path, DictionaryFormat)}, with what else the name says: it
   * may be one of SAELens's registry, {@code saelens://RELEASE/SAE_ID}.
   */
  public static Named named(SluiceCommand command, Path given, DictionaryFormat format)
      throws IOException {
    FileChoice choice =
        format == null ? DictionaryChoice.ofAny() : new DictionaryChoice(List.of(format));
    if (!Files.exists(given, LinkOption.NOFOLLOW_LINKS)) {
      String name = given.toString().replace('\\', '/');
      Optional<SaeLensRegistry.Entry> entry = SaeLensRegistry.find(name, System.getenv());
      if (entry.isPresent()) {
        Path place = find(command, Path.of("hf://" + entry.get().place()), choice);
        boolean scaled =
            entry.get().scale().isPresent() && DictionaryFormat.of(place).needsScale(place);
        return new Named(place, scaled ? entry.get().scale() : OptionalDouble.empty());
      }
    }
    return new Named(find(command, given, choice), OptionalDouble.empty());
  }

  private static Path find(SluiceCommand command, Path given, FileChoice choice)
      throws IOException {
    if (given == null) {
      return null;
    }
    try (FetchProgress progress = new FetchProgress(command)) {
      return Hub.find(given, choice, progress);
    }
  }

  /** The files of a model, whose tokenizer may be elsewhere. */
  public static ModelFiles files(SluiceCommand command, Path model, Path tokenizer)
      throws IOException {
    Path found = find(command, model, new ModelChoice(tokenizer == null));
    return ModelFiles.find(found, tokenizer(command, tokenizer));
  }

  private static Path tokenizer(SluiceCommand command, Path given) throws IOException {
    Path found = find(command, given, new TokenizerChoice());
    boolean isRepository = found != null && !found.equals(given) && Files.isDirectory(found);
    return isRepository ? found.resolve(TokenizerChoice.FILE) : found;
  }
}
