package io.sluice.spark.storage;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.ByteSize;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Options for stores on file systems of Hadoop: where a machine keeps their files. */
@Grouped(OptionGroup.DATA)
public final class CacheOptions {
  @Option(
      names = "--cache",
      paramLabel = "DIR",
      description =
          "Keep files of a store on s3a:// or another file system of Hadoop in this folder of each "
              + "machine (default: stores in Sluice's cache folder there).")
  private Path folder;

  @Option(
      names = "--cache-size",
      paramLabel = "SIZE",
      defaultValue = "16G",
      description =
          "Let the files in --cache take at most SIZE bytes with K, M, G or T; the least recently "
              + "used ones make room for others (default: ${DEFAULT-VALUE}).")
  private String size;

  /** What they say. */
  public CacheSettings settings(SluiceCommand command) {
    try {
      String place = folder == null ? null : folder.toAbsolutePath().toString();
      return new CacheSettings(place, ByteSize.parse(size));
    } catch (IllegalArgumentException e) {
      throw command.usage("--cache-size: " + e.getMessage());
    }
  }
}
