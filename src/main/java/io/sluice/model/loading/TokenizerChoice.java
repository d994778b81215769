package io.sluice.model.loading;

import io.sluice.hub.FileChoice;
import java.io.IOException;
import java.util.List;

/** The {@code tokenizer.json} of a repository, or another file that is named. */
public record TokenizerChoice() implements FileChoice {
  /** Its usual name. */
  public static final String FILE = "tokenizer.json";

  @Override
  public List<String> of(String folder, List<String> names, String wanted) throws IOException {
    if (wanted == null && !names.contains(FILE)) {
      throw new IOException(folder + ": has no tokenizer.json; name a repository that has one");
    }
    return List.of(wanted == null ? FILE : wanted);
  }

  @Override
  public boolean suffices(List<String> chosen) {
    return true;
  }
}
