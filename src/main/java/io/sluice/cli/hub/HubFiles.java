package io.sluice.cli.hub;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.dictionary.formats.DictionaryChoice;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * What {@code --model}, {@code --dictionary} and {@code --tokenizer} name: a path, or a name on the
 * HuggingFace hub, whose files are fetched into its cache. Every command asks here.
 */
public final class HubFiles {
  private static final Set<String> NAMED = Set.of("--model", "--dictionary", "--tokenizer");

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
   * A dictionary that was found.
   *
   * @param place its folder or file
   * @param origin what SAELens's registry says of it and its files do not
   */
  public record Named(Path place, Origin origin) {}

  /**
   * A dictionary in a format that is read, which may also be named as in SAELens's registry, {@code
   * saelens://RELEASE/SAE_ID}; otherwise as {@link #model}.
   *
   * @param format the format; null for any
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
        return new Named(
            place,
            new Origin(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                scaled ? entry.get().scale() : OptionalDouble.empty(),
                entry.get().centred()));
      }
    }
    return new Named(find(command, given, choice), Origin.UNKNOWN);
  }

  /**
   * Options as words for other machines, where names on the hub have the commit that they stand for
   * here: a branch may be another commit there.
   *
   * @param words as {@link SluiceCommand#words}; what they name has been found
   * @throws IOException if the cache cannot be read
   */
  public static List<String> pinned(List<String> words) throws IOException {
    List<String> pinned = new ArrayList<>();
    for (String word : words) {
      int at = word.indexOf('=') + 1;
      boolean named = NAMED.contains(word.substring(0, Math.max(0, at - 1)));
      pinned.add(named ? word.substring(0, at) + Hub.pinned(word.substring(at)) : word);
    }
    return pinned;
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
    return files(command, model, tokenizer, true);
  }

  /**
   * The same for a model that may read token ids alone.
   *
   * @param needsTokenizer whether it is an error if there is no tokenizer
   */
  public static ModelFiles files(
      SluiceCommand command, Path model, Path tokenizer, boolean needsTokenizer)
      throws IOException {
    Path found = find(command, model, new ModelChoice(tokenizer == null));
    Path given = tokenizer(command, tokenizer);
    return needsTokenizer ? ModelFiles.find(found, given) : ModelFiles.findForIds(found, given);
  }

  private static Path tokenizer(SluiceCommand command, Path given) throws IOException {
    Path found = find(command, given, new TokenizerChoice());
    boolean isRepository = found != null && !found.equals(given) && Files.isDirectory(found);
    return isRepository ? found.resolve(TokenizerChoice.FILE) : found;
  }
}
