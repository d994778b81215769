package io.sluice.dictionary.formats;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionarySource;
import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Sluice's own: {@code dictionary.json} and {@code dictionary.safetensors}. It keeps everything.
 */
final class SluiceFormat implements FolderFormat {
  @Override
  public String label() {
    return "sluice";
  }

  @Override
  public String config() {
    return "dictionary.json";
  }

  @Override
  public String weights() {
    return "dictionary.safetensors";
  }

  @Override
  public boolean keepsSkip() {
    return true;
  }

  @Override
  public boolean keepsTokenNorm() {
    return true;
  }

  @Override
  public boolean keepsSites() {
    return true;
  }

  @Override
  public DictionarySource open(Path folder, Origin origin) throws IOException {
    return Dictionary.load(folder).source();
  }

  @Override
  public void save(DictionarySource dictionary, Path folder) throws IOException {
    OutputFolder.make(folder);
    dictionary.save(folder);
  }
}
