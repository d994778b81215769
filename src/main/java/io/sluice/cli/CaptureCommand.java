package io.sluice.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Terminal;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.ContextOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.ModelOptions;
import io.sluice.cli.options.texts.ExclusionOptions;
import io.sluice.memory.DType;
import io.sluice.model.HookPatterns;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.capture.ResumedCapture;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import io.sluice.store.files.StoreReplacement;
import io.sluice.text.TextForm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice capture}: runs texts through a model and stores what its hook points write. */
@Command(
    name = "capture",
    description = {
      "Run texts through a transformer and store the activations at its hook points.",
      "--model takes a folder from Hugging Face (config.json, safetensors, tokenizer.json) "
          + "with a GPT-2, GPT-NeoX, Llama, Mistral, Mixtral, Qwen2, Qwen3, Qwen-MoE, Gemma, "
          + "Gemma 2, Gemma 3, Phi-3, OLMo 2, StarCoder2, BERT, RoBERTa or ModernBERT model; a "
          + "GGUF file of llama.cpp (llama, qwen2, qwen3, gemma, gemma2, gemma3, olmo2, "
          + "starcoder2, gpt2, gptneox), which holds its "
          + "tokenizer; or an ONNX file of a BERT encoder. Or give its name on the HuggingFace "
          + "hub, OWNER/NAME[@REVISION], as in HuggingFaceTB/SmolLM2-135M: what the cache of "
          + "Python's huggingface_hub lacks is fetched into it.",
      "--text takes files, folders, and patterns in quotes ('data/**/*.jsonl'). A file of "
          + "plain text is one document; so is a line of .jsonl, .ndjson or .json, an item of a "
          + "JSON array, and a row of Parquet or Arrow. A folder of HuggingFace's datasets "
          + "(save_to_disk, or from its cache) is read as it is. Files may be compressed with "
          + "gzip or Zstandard, and be in UTF-8, UTF-16 or UTF-32. '--text -' reads standard "
          + "input.",
      "With --text-as token-ids the field of each record is a list of token ids, as of a data "
          + "set that was tokenised before; they run as they are. A list that is longer than a "
          + "context is cut, and contexts never join two lists. An id that is not in the model's "
          + "vocabulary is an error. With --text-as chat it is a list of messages with a role and "
          + "a content, of which the model's own chat template makes text, as "
          + "apply_chat_template of transformers does; nothing is added to that.",
      "The rows of a store are the tokens of the texts, in order. The model sees special "
          + "tokens ([CLS], [SEP], for many models a beginning-of-text token), but their rows "
          + "are not stored: they occur once per context, whatever the text is, and their "
          + "activations are outliers. Padding is never stored."
    },
    footer = {
      "A hook point is layers.N.KIND. N is a number, a range (2-4) or *. KIND is one of "
          + "these, or * for z, attn_out, mlp_out and resid:",
      "  resid_in  The residual stream before the layer; in layer 0 the embedding.",
      "  attn_in  What attention reads: the residual stream after the norm before it.",
      "  q_pre_rope, k_pre_rope  Queries and keys of all heads, before the rotary positions.",
      "  q, k, v  Queries and keys as attention compares them, and values.",
      "  z  The input of attention's output projection W_O: all heads side by side.",
      "  attn_out  What attention adds to the residual stream: z times W_O, plus the bias.",
      "  resid_mid  The residual stream between attention and MLP.",
      "  mlp_in  What the MLP reads: the residual stream after the norm before it.",
      "  mlp_act  The MLP's hidden layer, after the activation function and the gate; not "
          + "in layers with a mixture of experts.",
      "  mlp_out  What the MLP adds to the residual stream.",
      "  resid  The residual stream after the layer.",
      "Names of TransformerLens are understood, too: blocks.8.hook_resid_pre, attn.hook_q, "
          + "attn.hook_rot_q, attn.hook_v, attn.hook_z, hook_attn_out, hook_resid_mid, mlp.hook_post, hook_mlp_out, hook_resid_post; and paths of modules "
          + "in transformers for what these put out: model.layers.8.mlp, transformer.h.8.attn."
    })
@Examples({
  "sluice capture --model all-minilm-l6-v2 --text moby-dick.txt --hooks "
      + "'layers.*.attn_out,layers.*.resid' --tokens 100000 --out store",
  "sluice capture --resume --model all-minilm-l6-v2 --text moby-dick.txt --hooks "
      + "'layers.*.attn_out,layers.*.resid' --tokens 200000 --out store"
})
public class CaptureCommand extends SluiceCommand {
  @Mixin private ModelOptions model;

  @Mixin private ContextOptions contexts;

  @Option(
      names = "--hooks",
      paramLabel = "POINTS",
      defaultValue = "layers.*.attn_out",
      description = "Store these hook points, separated by commas (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String hooks;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Make the store here, in a new or empty folder.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path out;

  @Option(
      names = "--overwrite",
      description = "Replace a store that is already in --out, once the new one is complete.")
  @Grouped(OptionGroup.OUTPUT)
  private boolean overwrite;

  @Option(
      names = "--resume",
      description =
          "Continue the store in --out, which a killed capture has left or which has fewer tokens; "
              + "give the options that it was begun with, and --tokens as large or larger. Its files "
              + "become those of one capture, bit for bit.")
  @Grouped(OptionGroup.OUTPUT)
  private boolean resume;

  private ResumedCapture resumed;

  @Option(
      names = "--yes",
      description = "Do not ask before a store takes more than a tenth of the free disk.")
  @Grouped(OptionGroup.OUTPUT)
  private boolean yes;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description = "Store values as float32, float16 or bfloat16 (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OUTPUT)
  private String dtype;

  @Option(names = "--special-tokens", description = "Store the rows of special tokens, too.")
  @Grouped(OptionGroup.OUTPUT)
  private boolean specialTokens;

  @Mixin private ExclusionOptions exclusion;

  @Mixin private JsonOption json;

  @Override
  protected final void run() throws IOException {
    storedType();
    model.check(this);
    contexts.check(this);
    exclusion.check(this);
    if (contexts.isStrided() && specialTokens) {
      throw usage("--special-tokens cannot be combined with --stride; leave one of them out");
    }
    if (specialTokens && contexts.form() != TextForm.TEXT) {
      throw usage(
          "--special-tokens stores tokens that are added to text; none are added with --text-as "
              + contexts.form().label());
    }
    if (resume && overwrite) {
      throw usage("give --resume or --overwrite, not both");
    }
    checkPlace(out, overwrite);
    try (LoadedModel loaded = openModel()) {
      capture(plan(loaded, spec(loaded)));
    }
  }

  /**
   * Refuses a place that holds what may not be replaced.
   *
   * @throws IOException if there is a store already and {@code replaced} is false, or none that is
   *     to be continued
   */
  protected void checkPlace(Path place, boolean replaced) throws IOException {
    StoreReplacement.repair(place);
    boolean there = Files.exists(ManifestFile.of(place));
    if (resume && !there) {
      throw new IOException(
          place + ": holds no activation store to continue; leave --resume out to begin one");
    }
    if (!resume && !replaced && there) {
      throw new IOException(
          place
              + ": already holds an activation store; name another folder, or give --resume to "
              + "continue or --overwrite to replace it");
    }
  }

  /** Where the store will be, if that is not a folder that this machine sees. */
  protected Optional<String> elsewhere() {
    return Optional.empty();
  }

  /** Whether a store that is there is to be replaced. */
  protected final boolean replaces() {
    return overwrite;
  }

  /** Opens the model. */
  protected final LoadedModel openModel() throws IOException {
    return model.open(this, contexts.form());
  }

  /** What the options say, for a model. */
  protected final CaptureSpec spec(LoadedModel loaded) throws IOException {
    return CaptureSpec.of(contexts.spec(loaded), HookPatterns.select(hooks, loaded.transformer()))
        .withDtype(storedType())
        .withSpecialTokens(specialTokens)
        .withExclusion(exclusion.of(loaded));
  }

  /** Checks and counts. */
  protected Capture plan(LoadedModel loaded, CaptureSpec spec) throws IOException {
    if (resume) {
      resumed = ResumedCapture.plan(loaded, spec, out);
      return resumed.whole();
    }
    return Capture.plan(loaded, spec);
  }

  /** Writes the store into a new or empty folder, or to {@link #elsewhere}. */
  protected Manifest write(Capture plan, Path folder, Progress progress) throws IOException {
    if (resumed == null) {
      return plan.run(folder, plan.storeSpec(), progress::update);
    }
    progress.startingAt(resumed.keptTokens());
    return resumed.run(progress::update);
  }

  /** Captures beside the store that is there, which goes only when the new one is whole. */
  private Manifest replace(Capture plan, Progress progress) throws IOException {
    if (!StoreReplacement.isPossible(out)) {
      return write(plan, out, progress);
    }
    try (StoreReplacement replacement = StoreReplacement.begin(out)) {
      Manifest manifest = write(plan, replacement.folder(), progress);
      replacement.finish();
      return manifest;
    }
  }

  /** Prints the size of the store, and asks for confirmation if it is large. */
  private void tellDiskNeed(Capture plan) throws IOException {
    if (elsewhere().isPresent()) {
      String size = DiskNeed.size(plan.storeBytes());
      err().println("capture: " + elsewhere().get() + ": will take about " + size);
      return;
    }
    long bytes = resumed == null ? plan.storeBytes() : resumed.storeBytes();
    DiskNeed need = DiskNeed.of(out, bytes);
    if (need.isLarge() && Terminal.outputIsTerminal() && !yes) {
      throw new IOException(need.text() + "; that is more than a tenth: give --yes to continue");
    }
    err().println("capture: " + need.text());
  }

  private void capture(Capture plan) throws IOException {
    ContextOptions.tell(this, plan.problems());
    if (resumed != null) {
      err()
          .printf(
              Locale.ROOT,
              "capture: %s: %,d of %,d rows are there and stay%n",
              out,
              resumed.kept(),
              plan.rows());
    }
    tellDiskNeed(plan);
    long start = System.nanoTime();
    Manifest manifest;
    try (Progress progress = progress("capture", plan.tokens(), "tokens")) {
      boolean swapped = overwrite && elsewhere().isEmpty();
      manifest = swapped ? replace(plan, progress) : write(plan, out, progress);
      progress.done();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    long keptTokens = resumed == null ? 0 : resumed.keptTokens();
    String place = elsewhere().orElse(out.toString());
    if (json.asked()) {
      ObjectNode result = new ObjectMapper().createObjectNode();
      result.put("store", place);
      result.put("model", manifest.model());
      result.put("text", manifest.text());
      result.put("rows", manifest.rows());
      result.put("hooks", manifest.columns().size());
      result.put("bytes", plan.bytes());
      result.put("tokens", plan.tokens());
      if (resumed != null) {
        result.put("keptRows", resumed.kept());
      }
      result.put("seconds", seconds);
      result.put("tokensPerSecond", (plan.tokens() - keptTokens) / seconds);
      out().println(result.toPrettyString());
    } else {
      out()
          .printf(
              Locale.ROOT,
              "%s: %,d rows at %d hook points of %s, %.1f MiB%n",
              place,
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
