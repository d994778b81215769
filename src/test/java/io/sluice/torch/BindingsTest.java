package io.sluice.torch;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.testing.Python;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The committed header, jextract's output and the loaded library say the same. */
class BindingsTest {
  private static final Pattern GROUP = Pattern.compile("since (\\d+)\\.(\\d+), (cpu|cuda)");
  private static final Pattern FUNCTION = Pattern.compile("^(\\w.*?[ *])(\\w+)\\(([^)]*)\\);$");

  private record Function(
      String name, String result, List<String> parameters, int major, int minor, boolean cuda) {
    FunctionDescriptor descriptor() {
      MemoryLayout[] arguments =
          parameters.stream().map(BindingsTest::layout).toArray(MemoryLayout[]::new);
      return result.equals("void")
          ? FunctionDescriptor.ofVoid(arguments)
          : FunctionDescriptor.of(layout(result), arguments);
    }
  }

  private static MemoryLayout layout(String type) {
    String plain = type.replace("const ", "").strip();
    if (plain.contains("*") || plain.endsWith("Handle")) {
      return ADDRESS;
    }
    return switch (plain) {
      case "bool" -> JAVA_BOOLEAN;
      case "int32_t", "uint32_t", "AOTITorchError" -> JAVA_INT;
      case "int64_t", "uint64_t", "size_t", "StableIValue" -> JAVA_LONG;
      case "double" -> JAVA_DOUBLE;
      default -> throw new AssertionError("type in the header: " + type);
    };
  }

  private static List<Function> functions(String header) throws IOException {
    String text = Files.readString(Path.of("native", header));
    List<Function> functions = new ArrayList<>();
    int major = 0;
    int minor = 0;
    boolean cuda = false;
    for (String line : text.lines().toList()) {
      Matcher group = GROUP.matcher(line);
      if (line.startsWith("/* ----") && group.find()) {
        major = Integer.parseInt(group.group(1));
        minor = Integer.parseInt(group.group(2));
        cuda = group.group(3).equals("cuda");
      }
      Matcher function = FUNCTION.matcher(line);
      if (function.matches() && !line.startsWith("typedef")) {
        String arguments = function.group(3).strip();
        List<String> types =
            arguments.isEmpty() || arguments.equals("void")
                ? List.of()
                : Arrays.stream(arguments.split(","))
                    .map(a -> a.strip().replaceAll("\\w+$", "").strip())
                    .toList();
        functions.add(
            new Function(function.group(2), function.group(1).strip(), types, major, minor, cuda));
      }
    }
    return functions;
  }

  @Test
  void headerAndOutputAgree() throws Exception {
    compare("libtorch.h", "libtorch.jextract", "io.sluice.bindings.torch.LibTorchC", 40);
    compare("cuda_driver.h", "cuda_driver.jextract", "io.sluice.bindings.cuda.CudaDriverC", 5);
  }

  private static void compare(String header, String arguments, String output, int atLeast)
      throws Exception {
    List<Function> functions = functions(header);
    assertThat(functions).hasSizeGreaterThan(atLeast);
    // Not initialised: jextract's classes look their symbols up then, and not every library is
    // here.
    Class<?> bindings = Class.forName(output, false, BindingsTest.class.getClassLoader());
    Set<String> declared = functions.stream().map(Function::name).collect(toSortedSet());
    Set<String> generated =
        Arrays.stream(bindings.getMethods())
            .map(Method::getName)
            .filter(name -> name.endsWith("$descriptor"))
            .map(name -> name.replace("$descriptor", ""))
            .collect(toSortedSet());
    assertThat(generated).isEqualTo(declared);
    String wanted = Files.readString(Path.of("native", arguments));
    for (Function function : functions) {
      assertThat(wanted).contains("\n" + function.name() + "\n");
      MethodType type = function.descriptor().toMethodType();
      assertThat(bindings.getMethod(function.name(), type.parameterArray()).getReturnType())
          .as(function.name())
          .isEqualTo(type.returnType());
    }
  }

  private static java.util.stream.Collector<String, ?, TreeSet<String>> toSortedSet() {
    return Collectors.toCollection(TreeSet::new);
  }

  @Test
  void loadedLibraryHasEachSymbolOfItsVersion() throws Exception {
    Torch.load();
    checkSymbols(false);
  }

  /** The CUDA half loads where there is no GPU; in a process of its own, with pip's LibTorch. */
  @Tag("slow")
  @Tag("python")
  @Test
  void cudaLibraryHasEachSymbolOfItsVersion() throws Exception {
    if (Torch.info().builtForCuda()) {
      Torch.loadCudaLibraries();
      checkSymbols(true);
      return;
    }
    Path torch = Path.of(Python.run("torch_path.py").strip());
    Assumptions.assumeTrue(
        Files.exists(torch.resolve("lib").resolve(System.mapLibraryName("torch_cuda"))),
        "the PyTorch of SLUICE_PYTHON is built for the CPU only");
    Process child =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dsluice.libtorch=" + torch,
                "-cp",
                System.getProperty("java.class.path"),
                BindingsTest.class.getName())
            .redirectErrorStream(true)
            .start();
    String printed = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(child.waitFor()).as(printed).isZero();
    assertThat(printed).contains("CUDA symbols are there");
  }

  /** The child process of the test above. */
  public static void main(String[] args) throws Exception {
    Torch.loadCudaLibraries();
    checkSymbols(false);
    checkSymbols(true);
    System.out.println("CUDA symbols are there");
  }

  private static void checkSymbols(boolean cuda) throws Exception {
    Class<?> bindings = Class.forName("io.sluice.bindings.torch.LibTorchC");
    int checked = 0;
    for (Function function : functions("libtorch.h")) {
      if (function.cuda() == cuda && Torch.atLeast(function.major(), function.minor())) {
        MemorySegment address =
            (MemorySegment) bindings.getMethod(function.name() + "$address").invoke(null);
        assertThat(address.address()).as(function.name()).isNotZero();
        checked++;
      }
    }
    assertThat(checked).isGreaterThan(cuda ? 8 : 30);
    if (cuda) {
      assertThat(CudaStream.isBound()).as("functions of streams").isTrue();
    }
  }
}
