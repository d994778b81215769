package io.sluice.cli.audit;

import io.sluice.audit.Audit;
import io.sluice.audit.AuditProgress;
import io.sluice.audit.AuditedDictionary;
import io.sluice.audit.Auditor;
import io.sluice.cli.console.ErrorLine;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Version;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.hub.TokenizerOption;
import io.sluice.cli.options.ContextOptions;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import io.sluice.engine.EngineFactory;
import io.sluice.files.AtomicFile;
import io.sluice.files.OutputFolder;
import io.sluice.model.ComputeType;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.loading.LoadedModel;
import io.sluice.report.audit.AuditPage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice audit}: whether dictionaries are where they should be. */
@Command(
    name = "audit",
    description = {
      "Find out whether a dictionary is where it should be.",
      "It attaches a dictionary, of another library for instance, to its model: at the hook point "
          + "that its configuration names and at those nearby, with and without the "
          + "beginning-of-text token, with each normalisation. It says in a sentence where the "
          + "dictionary fits and what its configuration says otherwise, and measures FVU, L0 and "
          + "dead features there, beside the effective rank of the activations. Of several "
          + "dictionaries it draws dead features against rank.",
      "The model runs once. The results go to audit.json and audit.html."
    })
@Examples({
  "sluice audit --dictionary downloaded --model model/ --text novel.txt",
  "sluice audit --dictionary sweeps/layers --model model/ --text novel.txt --tokens 200000 --out "
      + "audits/layers"
})
public final class AuditCommand extends SluiceCommand {
  private static final String JSON = "audit.json";
  private static final String PAGE = "audit.html";

  @Option(
      names = "--dictionary",
      paramLabel = "DIR",
      required = true,
      description =
          "Audit the dictionary in this folder or file, of a run or of another library, or of this name "
              + "on the HuggingFace hub; all in a folder of dictionaries, as of a sweep, where a damaged "
              + "one is left out. Give it once for each.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> given;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      required = true,
      description =
          "Run the model in this folder or file, or of this name on the hub: the one that the "
              + "dictionaries were trained on.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path model;

  @Mixin private TokenizerOption tokenizer;

  @Mixin private AuditTexts texts;

  @Option(
      names = "--hooks",
      paramLabel = "POINTS",
      description =
          "Also try these hook points, as 'sluice capture' names them (default: those of the layer "
              + "that the configuration names and of its neighbours; all, where it names none).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String hooks;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "audit",
      description =
          "Write audit.json and audit.html to this folder, which is created if necessary (default: "
              + "${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path out;

  @Mixin private EngineOptions engines;

  @Mixin private JsonOption json;

  @Override
  protected void run() throws IOException {
    texts.check(this);
    engines.check(this);
    EngineFactory factory = engines.engines(this);
    if (Files.exists(out) && !Files.isDirectory(out)) {
      throw new NotDirectoryException(out.toString());
    }
    List<AuditedDictionary> dictionaries = dictionaries(factory);
    Audit audit;
    try (LoadedModel loaded =
        LoadedModel.open(
            HubFiles.files(this, model, tokenizer.given()),
            engines.device(this),
            ComputeType.FLOAT32)) {
      Auditor auditor = new Auditor(loaded, texts.spec(loaded), factory, more(loaded));
      try (Shown shown = new Shown()) {
        audit = auditor.audit(dictionaries, shown);
        shown.done();
      }
      ContextOptions.tell(this, auditor.problems());
    }
    OutputFolder.make(out);
    AtomicFile.write(out.resolve(JSON), audit.json());
    AtomicFile.write(out.resolve(PAGE), AuditPage.html(audit, provenance(audit)));
    if (json.asked()) {
      out().print(audit.json());
    } else {
      new AuditText(audit, out()).print();
      out().printf("written to %s%n", out.resolve(PAGE));
    }
  }

  private List<AuditedDictionary> dictionaries(EngineFactory factory) throws IOException {
    List<AuditedDictionary> dictionaries = new ArrayList<>();
    for (Path path : given) {
      HubFiles.Named found = HubFiles.named(this, path, null);
      if (!Files.exists(found.place())) {
        throw new NoSuchFileException(found.place().toString());
      }
      List<Path> places = AuditedDictionary.placesIn(found.place());
      boolean isAlone = places.equals(List.of(found.place()));
      IOException failure = null;
      int before = dictionaries.size();
      for (Path place : places) {
        String within = found.place().relativize(place).toString();
        String name = within.isEmpty() ? path.toString() : path.resolve(within).toString();
        try {
          dictionaries.add(opened(name, place, found.origin(), factory, isAlone));
        } catch (IOException e) {
          if (isAlone) {
            throw e;
          }
          failure = e;
          err().printf("audit: %s is left out: %s%n", name, ErrorLine.of(e));
          err().flush();
        }
      }
      if (dictionaries.size() == before && failure != null) {
        throw failure;
      }
    }
    return dictionaries;
  }

  /** One of several is read here once, so that it is left out before the model runs, not after. */
  private static AuditedDictionary opened(
      String name, Path place, Origin known, EngineFactory factory, boolean isAlone)
      throws IOException {
    if (!CrossLayerDictionary.isIn(place)) {
      DictionaryFormat.of(place).requireMemory(place, factory);
    }
    AuditedDictionary dictionary = AuditedDictionary.open(name, place, known);
    if (!isAlone) {
      dictionary.read();
    }
    return dictionary;
  }

  private List<HookPoint> more(LoadedModel loaded) {
    return hooks == null
        ? List.of()
        : HookPatterns.select(
            hooks,
            loaded.transformer().hookPoints(),
            loaded.name() + " " + loaded.transformer().shape().architecture());
  }

  private Map<String, String> provenance(Audit audit) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("Model", audit.model());
    facts.put("Text", audit.text());
    facts.put("Sluice", Version.current());
    facts.put("Java", Runtime.version().toString());
    facts.put("System", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    facts.put("Page written", LocalDate.now(ZoneOffset.UTC) + " (UTC)");
    return facts;
  }

  /** One display of progress after the other, a stage each. */
  private final class Shown implements AuditProgress, AutoCloseable {
    private Stage stage;
    private Progress progress;

    @Override
    public void at(Stage now, long done, long total) {
      if (now != stage) {
        done();
        close();
        stage = now;
        progress = progress(now.label(), total, now.unit());
      }
      progress.update(done);
    }

    void done() {
      if (progress != null) {
        progress.done();
      }
    }

    @Override
    public void close() {
      if (progress != null) {
        progress.close();
        progress = null;
      }
    }
  }
}
