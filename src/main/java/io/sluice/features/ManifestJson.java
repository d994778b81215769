package io.sluice.features;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.features.FeatureManifest.Histogram;
import io.sluice.features.FeatureManifest.Source;
import io.sluice.features.FeatureManifest.Stored;
import io.sluice.features.FeatureManifest.Window;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Reads and writes {@code features.json}. */
final class ManifestJson {
  static final String REMEDY = "run 'sluice features' again";

  private static final ObjectMapper JSON = new ObjectMapper();

  private ManifestJson() {}

  static void write(FeatureManifest manifest, Path folder) throws IOException {
    ObjectNode root = JSON.createObjectNode();
    root.put("format", FeatureManifest.FORMAT);
    Source from = manifest.dictionary();
    ObjectNode dictionary = root.putObject("dictionary");
    dictionary.put("path", from.path());
    dictionary.put("sha256", from.sha256());
    dictionary.put("kind", from.kind());
    dictionary.put("features", from.features());
    dictionary.put("width", from.width());
    dictionary.set("reads", JSON.valueToTree(from.reads()));
    dictionary.set("writes", JSON.valueToTree(from.writes()));
    if (from.groups() > 0) {
      dictionary.put("groups", from.groups());
    }
    root.putObject("store")
        .put("path", manifest.store().path())
        .put("hook", manifest.store().hook())
        .put("rows", manifest.store().rows())
        .put("model", manifest.store().model())
        .put("tokenizer", manifest.store().tokenizer());
    root.put("tokens", manifest.tokens());
    root.put("first_position", manifest.firstPosition());
    root.put("dead_window", manifest.deadWindow());
    root.putObject("histogram")
        .put("first", manifest.histogram().first())
        .put("step", manifest.histogram().step())
        .put("bins", manifest.histogram().bins());
    root.putObject("window")
        .put("before", manifest.window().before())
        .put("after", manifest.window().after());
    root.put("top", manifest.top());
    root.put("lower", manifest.lower());
    root.put("model", manifest.model().orElse(null));
    if (manifest.heads() == 0) {
      root.putNull("heads");
    } else {
      root.put("heads", manifest.heads());
    }
    ObjectNode files = root.putObject("files");
    manifest
        .files()
        .forEach(
            (name, file) ->
                files
                    .putObject(name)
                    .put("rows", file.rows())
                    .put("bytes", file.bytes())
                    .put("sha256", file.sha256()));
    AtomicFile.write(
        folder.resolve(FeatureManifest.FILE_NAME),
        JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root));
  }

  static FeatureManifest read(Path folder) throws IOException {
    Fields root =
        Fields.read(folder.resolve(FeatureManifest.FILE_NAME), FeatureManifest.FORMAT, REMEDY);
    FeatureManifest manifest = root.build(() -> manifest(root));
    root.requireNoOthers();
    return manifest;
  }

  private static FeatureManifest manifest(Fields root) throws IOException {
    Fields from = root.object("dictionary");
    Source dictionary =
        new Source(
            from.text("path"),
            from.text("sha256"),
            from.text("kind"),
            from.integer("features", 1, Integer.MAX_VALUE),
            from.integer("width", 1, Integer.MAX_VALUE),
            from.texts("reads"),
            from.texts("writes"),
            from.integer("groups", 1, Integer.MAX_VALUE, 0));
    from.requireNoOthers();
    Fields stored = root.object("store");
    Stored store =
        new Stored(
            stored.text("path"),
            stored.text("hook"),
            stored.whole("rows", 0, Long.MAX_VALUE),
            stored.text("model"),
            stored.text("tokenizer"));
    stored.requireNoOthers();
    Fields bins = root.object("histogram");
    Fields window = root.object("window");
    Map<String, TableFile> files = new LinkedHashMap<>();
    Fields listed = root.object("files");
    for (String name : listed.names()) {
      Fields file = listed.object(name);
      files.put(
          name,
          new TableFile(
              file.whole("rows", 0, Long.MAX_VALUE),
              file.whole("bytes", 1, Long.MAX_VALUE),
              file.text("sha256")));
      file.requireNoOthers();
    }
    return new FeatureManifest(
        dictionary,
        store,
        root.whole("tokens", 0, Long.MAX_VALUE),
        root.integer("first_position", 0, Integer.MAX_VALUE),
        root.whole("dead_window", 0, Long.MAX_VALUE),
        new Histogram(bins.real("first"), bins.real("step"), bins.integer("bins", 1, 1 << 16)),
        new Window(window.integer("before", 0, 1 << 16), window.integer("after", 0, 1 << 16)),
        root.integer("top", 0, 1 << 16),
        root.integer("lower", 0, 1 << 16),
        Optional.ofNullable(root.text("model", null)),
        root.integer("heads", 1, 255, 0),
        files);
  }
}
