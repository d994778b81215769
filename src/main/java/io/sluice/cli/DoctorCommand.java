package io.sluice.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.console.ErrorLine;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Version;
import io.sluice.cli.help.Examples;
import io.sluice.cli.options.JsonOption;
import io.sluice.engine.MachineMemory;
import io.sluice.simd.KernelProvider;
import io.sluice.store.ArrowMemory;
import io.sluice.torch.CudaDevice;
import io.sluice.torch.Torch;
import io.sluice.torch.TorchException;
import io.sluice.torch.cpu.CpuKernels;
import io.sluice.torch.int8.IntegerProducts;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.Properties;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code sluice doctor}: what Sluice found on this machine, and what to do about the rest. */
@Command(
    name = "doctor",
    description = {
      "Show what Sluice finds on this machine, and how to install what is missing.",
      "It looks at the JDK, LibTorch, devices, vector instructions and Arrow. The exit "
          + "status is 1 if something is missing that other commands need.",
      "It looks for LibTorch in -Dsluice.libtorch (SLUICE_JAVA_OPTS), in LIBTORCH, and on "
          + "the class path, in this order."
    })
@Examples({
  "sluice doctor",
  "LIBTORCH=$(python3 -c 'import torch; print(torch.__path__[0])') sluice doctor"
})
final class DoctorCommand extends SluiceCommand {
  private static final double GIB = 1L << 30;

  @Mixin private JsonOption json;

  /** How bad a finding is. */
  private enum State {
    /** As it should be. */
    OK("ok"),
    /** Works, but could do better. */
    REMARK("note"),
    /** Some commands will fail. */
    MISSING("MISSING");

    private final String label;

    State(String label) {
      this.label = label;
    }
  }

  /**
   * One line of the doctor's.
   *
   * @param advice what to do; empty where there is nothing to do
   */
  private record Finding(String name, State state, String value, String advice) {
    static Finding ok(String name, String value) {
      return new Finding(name, State.OK, value, "");
    }
  }

  private final List<Finding> findings = new ArrayList<>();

  @Override
  protected void run() throws IOException {
    lookAtJava();
    lookAtVectors();
    lookAtLibTorch();
    lookAtArrow();
    lookAtDemo();
    if (json.asked()) {
      printJson();
    } else {
      printTable();
    }
  }

  @Override
  public int status() {
    return findings.stream().anyMatch(f -> f.state() == State.MISSING) ? 1 : 0;
  }

  private void lookAtJava() {
    findings.add(Finding.ok("Sluice", Version.current()));
    findings.add(
        Finding.ok(
            "JDK",
            Runtime.version()
                + ", "
                + System.getProperty("java.vendor")
                + ", "
                + System.getProperty("java.home")));
    findings.add(
        Finding.ok(
            "Machine",
            String.format(
                Locale.ROOT,
                "%s %s, %d cores, %smemory, Java heap up to %.1f GiB",
                System.getProperty("os.name"),
                System.getProperty("os.arch"),
                Runtime.getRuntime().availableProcessors(),
                memory(),
                Runtime.getRuntime().maxMemory() / GIB)));
  }

  private static String memory() {
    OptionalLong known = MachineMemory.known();
    return known.isPresent()
        ? String.format(Locale.ROOT, "%.1f GiB ", known.getAsLong() / GIB)
        : "";
  }

  private void lookAtVectors() {
    boolean fast = KernelProvider.isVectorised();
    String value = KernelProvider.name() + " (" + KernelProvider.reason() + ")";
    findings.add(
        fast
            ? Finding.ok("Vectors", value)
            : new Finding(
                "Vectors",
                State.REMARK,
                value,
                "kernels without LibTorch run several times slower; bin/sluice passes the flag"));
  }

  private void lookAtLibTorch() {
    Torch.Info torch;
    try {
      torch = Torch.info();
    } catch (TorchException e) {
      findings.add(new Finding("LibTorch", State.MISSING, "none", ErrorLine.text(e.getMessage())));
      return;
    }
    findings.add(
        Finding.ok(
            "LibTorch",
            torch.version()
                + (torch.builtForCuda() ? ", built for CUDA, " : ", built for the CPU, ")
                + (torch.mkl() ? "with MKL, " : "")
                + torch.folder()
                + " (from "
                + torch.source()
                + ")"));
    findings.add(Finding.ok("Kernels", CpuKernels.chosen()));
    findings.add(Finding.ok("Threads", Torch.threads() + " (LibTorch)"));
    String obstacle = IntegerProducts.obstacle();
    findings.add(
        Finding.ok(
            "Int8",
            obstacle == null
                ? "int8 units (bounds in training and evaluation)"
                : "not used: " + obstacle));
    findings.add(
        Finding.ok(
            "Products",
            "float32; with the torch engine also bfloat16 (train --precision bfloat16)"));
    findings.add(Finding.ok("Device", "cpu"));
    List<CudaDevice> gpus = Torch.cudaDevices();
    for (CudaDevice gpu : gpus) {
      String value =
          String.format(
              Locale.ROOT,
              "cuda:%d, %s, %.1f GiB, compute capability %s",
              gpu.index(),
              gpu.name(),
              gpu.memoryBytes() / GIB,
              gpu.computeCapability());
      findings.add(
          torch.builtForCuda()
              ? Finding.ok("Device", value)
              : new Finding(
                  "Device",
                  State.REMARK,
                  value,
                  "this LibTorch cannot use it: set LIBTORCH to the torch folder of a CUDA build"));
    }
    if (torch.builtForCuda() && gpus.isEmpty()) {
      findings.add(
          new Finding(
              "Device",
              State.REMARK,
              "no GPU",
              "this LibTorch could use one; there is no NVIDIA driver, or it finds none"));
    }
  }

  private void lookAtArrow() {
    String version = arrowVersion();
    try (BufferAllocator allocator = ArrowMemory.newAllocator();
        ArrowBuf buffer = allocator.buffer(64)) {
      buffer.setLong(0, 1);
      findings.add(Finding.ok("Arrow", version));
    } catch (RuntimeException | LinkageError e) {
      findings.add(
          new Finding(
              "Arrow",
              State.MISSING,
              version + " does not start: " + ErrorLine.text(String.valueOf(e)),
              "start the JVM with --add-opens=java.base/java.nio=ALL-UNNAMED, as bin/sluice does"));
    }
  }

  private static String arrowVersion() {
    String place = "/META-INF/maven/org.apache.arrow/arrow-vector/pom.properties";
    try (InputStream in = DoctorCommand.class.getResourceAsStream(place)) {
      if (in == null) {
        return "unknown version";
      }
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty("version", "unknown version");
    } catch (IOException e) {
      return "unknown version";
    }
  }

  private void lookAtDemo() {
    for (DemoFiles.Piece piece : DemoFiles.pieces()) {
      findings.add(
          piece.path().isPresent()
              ? Finding.ok(piece.name(), piece.path().get().toString())
              : new Finding(piece.name(), State.REMARK, "not found", piece.advice()));
    }
  }

  private void printTable() {
    for (Finding finding : findings) {
      out().printf("%-10s  %-7s  %s%n", finding.name(), finding.state().label, finding.value());
      if (!finding.advice().isEmpty()) {
        out().printf("%-10s  %-7s  -> %s%n", "", "", finding.advice());
      }
    }
  }

  private void printJson() throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode root = mapper.createObjectNode();
    root.put("format", "sluice.doctor/1");
    ArrayNode list = root.putArray("findings");
    for (Finding finding : findings) {
      ObjectNode node = list.addObject();
      node.put("name", finding.name());
      node.put("state", finding.state().name().toLowerCase(Locale.ROOT));
      node.put("value", finding.value());
      node.put("advice", finding.advice());
    }
    out().println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root));
  }
}
