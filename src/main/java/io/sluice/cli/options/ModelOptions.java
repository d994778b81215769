package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.model.ComputeType;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.loading.ModelFiles;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Which model a command runs, and how. */
public final class ModelOptions {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "PATH",
      description =
          "A folder from HuggingFace (config.json, safetensors, tokenizer.json): GPT-2, GPT-NeoX,"
              + " Llama, Mistral, Qwen2, Qwen3, Gemma 2, BERT; or a GGUF file of"
              + " llama.cpp (llama, qwen2, qwen3, gemma2, gpt2, gptneox), which holds its tokenizer;"
              + " or an ONNX file of a BERT encoder.")
  private Path model;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "A tokenizer.json that lies elsewhere.")
  private Path tokenizer;

  @Option(
      names = "--compute",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description =
          "What the model computes in: float32; bfloat16; or bfloat16x3, float32 in which each product is the sum of three "
              + "bfloat16 products: within 4e-6 of the exact one, and faster where the CPU has matrix "
              + "units (AMX) and LibTorch has MKL (default: float32).")
  private String compute;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      description = "Where the model runs: cpu, cuda or cuda:N (default: cpu).")
  private String device;

  /** Complains about values that cannot be meant, before any work. */
  public void check(SluiceCommand command) {
    computeType(command);
    device(command);
  }

  /**
   * Opens the model.
   *
   * @throws IOException if a file is missing or damaged, or the architecture is not supported
   */
  public LoadedModel open(SluiceCommand command) throws IOException {
    return LoadedModel.open(
        ModelFiles.find(model, tokenizer), device(command), computeType(command));
  }

  private ComputeType computeType(SluiceCommand command) {
    try {
      return ComputeType.ofLabel(compute);
    } catch (IllegalArgumentException e) {
      throw command.usage("--compute is '" + compute + "'; give one of " + ComputeType.labels());
    }
  }

  private Device device(SluiceCommand command) {
    try {
      return Device.parse(device);
    } catch (IllegalArgumentException e) {
      throw command.usage("--device is '" + device + "'; give cpu, cuda or cuda:N");
    }
  }
}
