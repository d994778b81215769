package io.sluice.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Terminal;
import io.sluice.cli.options.ContextOptions;
import io.sluice.cli.options.ModelOptions;
import io.sluice.memory.DType;
import io.sluice.model.HookPatterns;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.StoreReplacement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice capture}: runs texts through a model and stores what its hook points write. */
@Command(
    name = "capture",
    description = {
      "Run texts through a transformer and store what its hook points write.",
      "Rows are the tokens of the texts, in order. Special tokens ([CLS], [SEP], a beginning-of-text",
      "token where the model wants one) are seen by the model but not stored: they come once per",
      "context, whatever the text, and their activations are outliers. Padding is never stored."
    },
    footer = {
      "",
      "Hook points are layers.N.KIND, with N a number, a range (2-4) or *, and KIND one of",
      "  attn_in   what attention reads: the residual stream after the norm before it",
      "  z         input of the attention's output projection W_O: all heads side by side",
      "  attn_out  what attention adds to the residual stream: z times W_O plus its bias",
      "  mlp_out   what the MLP adds to the residual stream",
      "  resid     the residual stream after the layer",
      "or * for the last four: attn_in is asked for by its name.",
      "",
      "Example:",
      "  sluice capture --model all-minilm-l6-v2 --text moby-dick.txt \\",
      "      --hooks 'layers.*.attn_out,layers.*.resid' --tokens 100000 --out store"
    })
final class CaptureCommand extends SluiceCommand {
  @Mixin private ModelOptions model;

  @Mixin private ContextOptions contexts;

  @Option(
      names = "--hooks",
      paramLabel = "POINTS",
      defaultValue = "layers.*.attn_out",
      description = "Hook points, with commas between (default: layers.*.attn_out).")
  private String hooks;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FOLDER",
      description = "Where the store is made: a new or empty folder.")
  private Path out;

  @Option(
      names = "--overwrite",
      description = "Replace a store that is already in --out, once the new one is whole.")
  private boolean overwrite;

  @Option(
      names = "--yes",
      description =
          "Go on without asking where the store takes more than a tenth of the free disk.")
  private boolean yes;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description = "Type of the stored values: float32, float16 or bfloat16 (default: float32).")
  private String dtype;

  @Option(names = "--special-tokens", description = "Store the rows of special tokens, too.")
  private boolean specialTokens;

  @Option(names = "--json", description = "Print the result as JSON.")
  private boolean json;

  @Override
  protected void run() throws IOException {
    DType type = storedType();
    model.check(this);
    contexts.check(this);
    if (contexts.isStrided() && specialTokens) {
      throw usage("--special-tokens does not go with --stride; leave one of them out");
    }
    StoreReplacement.repair(out);
    if (!overwrite && Files.exists(out.resolve(Manifest.FILE_NAME))) {
      throw new IOException(
          out + ": already holds an activation store; name another folder or give --overwrite");
    }
    try (LoadedModel loaded = model.open(this)) {
      CaptureSpec spec =
          CaptureSpec.of(
                  contexts.spec(loaded),
                  HookPatterns.select(hooks, loaded.transformer().hookPoints()))
              .withDtype(type)
              .withSpecialTokens(specialTokens);
      capture(Capture.plan(loaded, spec));
    }
  }

  /** Captures beside the store that is there, which goes only when the new one is whole. */
  private Manifest replace(Capture plan, Progress progress) throws IOException {
    if (!StoreReplacement.isPossible(out)) {
      return plan.run(out, plan.storeSpec(), progress::update);
    }
    try (StoreReplacement replacement = StoreReplacement.begin(out)) {
      Manifest manifest = plan.run(replacement.folder(), plan.storeSpec(), progress::update);
      replacement.finish();
      return manifest;
    }
  }

  /** Says what the disk will be asked for; a person who may not have meant that much is asked. */
  private void tellDiskNeed(Capture plan) throws IOException {
    DiskNeed need = DiskNeed.of(out, plan.storeBytes());
    if (need.isLarge() && Terminal.outputIsTerminal() && !yes) {
      throw new IOException(need.text() + "; that is more than a tenth: give --yes to go on");
    }
    err().println("capture: " + need.text());
  }

  private void capture(Capture plan) throws IOException {
    ContextOptions.tell(this, plan.problems());
    tellDiskNeed(plan);
    long start = System.nanoTime();
    Manifest manifest;
    try (Progress progress = progress("capture", plan.tokens(), "tokens")) {
      manifest =
          overwrite ? replace(plan, progress) : plan.run(out, plan.storeSpec(), progress::update);
      progress.done();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    if (json) {
      ObjectNode result = new ObjectMapper().createObjectNode();
      result.put("store", out.toString());
      result.put("model", manifest.model());
      result.put("text", manifest.text());
      result.put("rows", manifest.rows());
      result.put("hooks", manifest.columns().size());
      result.put("bytes", plan.bytes());
      result.put("tokens", plan.tokens());
      result.put("seconds", seconds);
      result.put("tokensPerSecond", plan.tokens() / seconds);
      out().println(result.toPrettyString());
    } else {
      out()
          .printf(
              Locale.ROOT,
              "%s: %,d rows at %d hook points of %s, %.1f MiB%n",
              out,
              manifest.rows(),
              manifest.columns().size(),
              manifest.model(),
              plan.bytes() / (double) (1 << 20));
    }
  }

  private DType storedType() {
    return switch (dtype) {
      case "float32" -> DType.F32;
      case "float16" -> DType.F16;
      case "bfloat16" -> DType.BF16;
      default -> throw usage("--dtype is '" + dtype + "'; give float32, float16 or bfloat16");
    };
  }
}
