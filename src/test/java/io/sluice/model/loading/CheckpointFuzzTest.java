package io.sluice.model.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.model.Demo;
import io.sluice.model.Hooks;
import io.sluice.model.ModelShape;
import io.sluice.model.TokenBatch;
import io.sluice.testing.GgufMutations;
import io.sluice.testing.InMemory;
import io.sluice.testing.JsonMutations;
import io.sluice.testing.Mutations;
import io.sluice.testing.ProtobufMutations;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Checkpoints with damage of every kind, of single bytes and of fields in files that are
 * well-formed otherwise: each loads and runs, or is refused by one line that names the file.
 * Nothing hangs, and nothing takes memory out of proportion to the file.
 *
 * <p>How many mutations there are of each file is the system property {@code sluice.mutations};
 * {@code make fuzz} runs 100,000, several files at a time.
 */
@Tag("fuzz")
@Execution(ExecutionMode.CONCURRENT)
class CheckpointFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 400);

  /** What a healthy load takes beside the file: JSON trees, class loading, library tables. */
  private static final long BASE_BYTES = 48L << 20;

  private static final long FACTOR = 64;

  /** Of the thread's own time, so that a busy machine makes nothing fail. */
  private static final long SLOWEST_NANOS = TimeUnit.SECONDS.toNanos(30);

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static int torchThreads;

  @TempDir(factory = InMemory.class)
  Path folder;

  /** These models are too small to share between threads. */
  @BeforeAll
  static void oneThread() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    torchThreads = Torch.threads();
    Torch.threads(1);
  }

  @AfterAll
  static void allThreads() {
    if (torchThreads > 0) {
      Torch.threads(torchThreads);
    }
  }

  @ParameterizedTest(name = "{0}/{1}")
  @CsvSource({
    "causal/tiny-gpt2, model.safetensors",
    "causal/tiny-gpt2, config.json",
    "causal/tiny-gemma2, config.json",
    "causal/tiny-llama, config.json",
    "causal/tiny-llama, model.safetensors.index.json",
    "causal/tiny-qwen2, config.json",
    "causal/tiny-llama, tokenizer.json",
    "tiny-bert, tokenizer.json",
    "tiny-bert, config.json",
    "tiny-roberta, config.json",
    "tiny-modernbert, config.json",
    "causal/tiny-qwen3-moe, config.json",
    "tiny-bert-onnx, tiny-bert.onnx",
    "gguf, llama.gguf",
    "gguf, gemma2.gguf",
    "gguf, gptneox.gguf"
  })
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void loadsOrIsRefused(String model, String file) throws IOException {
    Path original = Demo.GOLDEN.resolve(model);
    if (!model.equals("gguf")) {
      try (Stream<Path> files = Files.list(original)) {
        for (Path each : files.toList()) {
          Files.copy(each, folder.resolve(each.getFileName()));
        }
      }
    }
    byte[] bytes = Files.readAllBytes(original.resolve(file));
    Path damaged = folder.resolve(file);
    Path opened = !file.endsWith(".json") || file.endsWith(".index.json") ? damaged : folder;
    Random random = new Random(Seeds.seed());
    assertThat(run(Files.write(damaged, bytes), opened)).as("what is not damaged").isTrue();
    int ran = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      // Half of them hit the front, where the headers of weight files are.
      int front = random.nextBoolean() ? bytes.length : Math.min(bytes.length, 6000);
      byte[] mutated =
          i % 2 == 0 ? Mutations.mutate(bytes, front, random) : damaged(file, bytes, random);
      Files.write(damaged, mutated);
      long allocated = THREADS.getCurrentThreadAllocatedBytes();
      long start = THREADS.getCurrentThreadCpuTime();
      try {
        ran += run(damaged, opened) ? 1 : 0;
      } catch (RuntimeException | Error e) {
        throw new AssertionError("mutation " + i + " of " + file, e);
      }
      long nanos = THREADS.getCurrentThreadCpuTime() - start;
      allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
      if (nanos > SLOWEST_NANOS || allocated > BASE_BYTES + FACTOR * mutated.length) {
        throw new AssertionError(
            "mutation %d of %s: %d ns, %d bytes allocated for a file of %d"
                .formatted(i, file, nanos, allocated, mutated.length));
      }
    }
    System.out.printf("%s/%s: %d of %d ran%n", model, file, ran, MUTATIONS);
  }

  /** A copy that is still well-formed, but for single fields. */
  private static byte[] damaged(String file, byte[] bytes, Random random) {
    if (file.endsWith(".json")) {
      return JsonMutations.mutate(bytes, random);
    }
    if (file.endsWith(".gguf")) {
      return GgufMutations.mutate(bytes, random);
    }
    if (file.endsWith(".onnx")) {
      return ProtobufMutations.mutate(bytes, random);
    }
    // safetensors: the length of a JSON header, the header, the tensors' bytes.
    int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] header = JsonMutations.mutate(Arrays.copyOfRange(bytes, 8, 8 + length), random);
    ByteBuffer whole =
        ByteBuffer.allocate(bytes.length - length + header.length).order(ByteOrder.LITTLE_ENDIAN);
    whole.putLong(header.length).put(header);
    return whole.put(bytes, 8 + length, bytes.length - 8 - length).array();
  }

  /** Whether the checkpoint could be loaded, and then it ran. */
  private boolean run(Path damaged, Path opened) {
    try (LoadedModel model = LoadedModel.open(opened, Device.CPU);
        TensorScope scope = TensorScope.open()) {
      model.tokenizer().encode("the white whale 1851");
      ModelShape shape = model.transformer().shape();
      int[] ids = new int[Math.min(5, shape.maxContext())];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = i % shape.vocabulary();
      }
      model.transformer().forward(TokenBatch.of(List.of(ids)), Hooks.none());
      return true;
    } catch (IOException e) {
      assertThat(e.getMessage()).contains(folder.toString()).doesNotContain("\n");
      return false;
    }
  }
}
