package io.sluice.model.bert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import io.sluice.model.ComputeType;
import io.sluice.model.Demo;
import io.sluice.model.GoldenBatch;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.parts.MlpActivation;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.OnnxFile;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Graphs of encoders: in many spellings they are read, and what is none is refused by name. */
class BertGraphTest {
  private static final String LAYER = "/encoder/layer.1/";

  @TempDir Path folder;

  private ModelProto.Builder model;
  private GraphProto.Builder graph;

  @BeforeEach
  void read() throws IOException {
    byte[] bytes = Files.readAllBytes(Demo.GOLDEN.resolve("tiny-bert-onnx/tiny-bert.onnx"));
    model = ModelProto.parseFrom(bytes).toBuilder();
    graph = model.getGraphBuilder();
  }

  @ParameterizedTest
  @ValueSource(strings = {"fused-attention", "spelled-out", "unfolded"})
  void otherWaysOfExportingAgreeWithTransformers(String name) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    Path exports = Demo.GOLDEN.resolve("bert-exports");
    GoldenBatch golden = new GoldenBatch(Safetensors.open(exports.resolve(name + ".safetensors")));
    OnnxFile file = OnnxFile.open(exports.resolve(name + ".onnx"));
    BertOnnx weights = new BertOnnx(file);
    try (Encoder encoder = Encoder.bert(weights, file, Device.CPU, ComputeType.FLOAT32);
        TensorScope scope = TensorScope.open()) {
      float[] hidden = encoder.forward(TokenBatch.of(golden.contexts()), Hooks.none()).toFloats();
      golden.assertClose("last_hidden_state", hidden, 12, 1e-5);
    }
  }

  @Test
  void takesTheEpsilonThatAllNormalisationsHave() throws IOException {
    assertThat(config().layerNormEpsilon()).isCloseTo(1e-12, within(1e-18));
    for (NodeProto.Builder node : graph.getNodeBuilderList()) {
      if (node.getOpType().equals("LayerNormalization")) {
        setAttribute(node, "epsilon", attribute -> attribute.setF(0.25f));
      }
    }
    assertThat(config().layerNormEpsilon()).isEqualTo(0.25);
  }

  @Test
  void tellsActivationFunctionsApartByWhatTheyCompute() throws IOException {
    assertThat(config().activation()).isEqualTo(MlpActivation.GELU);
    for (int layer = 0; layer < 2; layer++) {
      String last = "/encoder/layer." + layer + "/intermediate/intermediate_act_fn/Mul_1";
      String input = "/encoder/layer." + layer + "/intermediate/dense/Add_output_0";
      node(last).setOpType("Gelu").clearInput().addInput(input).clearAttribute();
    }
    assertThat(config().activation()).isEqualTo(MlpActivation.GELU);
    for (int layer = 0; layer < 2; layer++) {
      node("/encoder/layer." + layer + "/intermediate/intermediate_act_fn/Mul_1")
          .addAttribute(
              AttributeProto.newBuilder()
                  .setName("approximate")
                  .setType(AttributeProto.AttributeType.STRING)
                  .setS(ByteString.copyFromUtf8("tanh")));
    }
    assertThat(config().activation()).isEqualTo(MlpActivation.GELU_TANH);
    node(LAYER + "intermediate/intermediate_act_fn/Mul_1").clearAttribute().setOpType("Relu");
    assertRefused("ends another activation function");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          attention/output/LayerNorm/LayerNormalization | epsilon | 1e-5   | has the epsilon
          output/LayerNorm/LayerNormalization           | axis    | 1      | does not normalise the last dimension
          attention/self/Softmax                        | axis    | 2      | not those of a softmax over keys
          """)
  void refusesOtherAttributes(String name, String attribute, float value, String message) {
    setAttribute(
        node(LAYER + name),
        attribute,
        proto -> {
          proto.setF(value);
          proto.setI((long) value);
        });
    assertRefused(message);
  }

  @ParameterizedTest
  @CsvSource({
    "Transpose, 0 1 2 3",
    "Transpose_1, 0 2 3 1",
    "Transpose_2, 0 2 1 3",
    "Transpose_3, 0 3 1 2"
  })
  void refusesHeadsInAnotherOrder(String name, String order) {
    NodeProto.Builder node = node(LAYER + "attention/self/" + name);
    setAttribute(
        node,
        "perm",
        proto -> {
          proto.clearInts();
          for (String each : order.split(" ")) {
            proto.addInts(Long.parseLong(each));
          }
        });
    assertRefused("exchanges other dimensions than attention does");
  }

  /** A constant in each of the places where the computation has one. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          intermediate/intermediate_act_fn/Constant   | ends no activation function
          intermediate/intermediate_act_fn/Constant_1 | ends no activation function
          intermediate/intermediate_act_fn/Constant_2 | ends no activation function
          attention/self/SCALE                        | is scaled by
          """)
  void refusesOtherConstants(String name, String message) {
    NodeProto.Builder node =
        name.endsWith("SCALE")
            ? maker(node(LAYER + "attention/self/Mul").getInput(1))
            : node(LAYER + name);
    setConstant(node, 1.7f);
    assertRefused(message);
  }

  @Test
  void refusesHeadsOfAnotherWidthThanTheOthers() {
    String reshaped = node(LAYER + "attention/self/Reshape_1").getInput(1);
    NodeProto.Builder width = maker(maker(reshaped).getInput(3));
    width
        .getAttributeBuilder(0)
        .getTBuilder()
        .setRawData(ByteString.copyFrom(buffer(Long.BYTES).putLong(4).array()));
    assertRefused("does not split encoder.layer.1.attention.self.key into heads as the others");
  }

  @Test
  void refusesPositionsThatDoNotBeginAtZero() {
    NodeProto.Builder positions = node("Constant_79");
    TensorProto.Builder tensor = positions.getAttributeBuilder(0).getTBuilder();
    ByteBuffer from = tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer to = buffer(from.remaining());
    while (from.hasRemaining()) {
      to.putLong(from.getLong() + 2);
    }
    tensor.setRawData(ByteString.copyFrom(to.array()));
    assertRefused("does not count positions, or types, from 0");
  }

  /** An operation more, at each place of a layer where something could come between. */
  @ParameterizedTest
  @CsvSource({
    "/embeddings/Add_1, 0",
    "/embeddings/Add_1, 1",
    "/embeddings/LayerNorm/LayerNormalization, 0",
    "/encoder/layer.1/attention/self/query/MatMul, 0",
    "/encoder/layer.1/attention/self/key/Add, 1",
    "/encoder/layer.1/attention/self/MatMul, 1",
    "/encoder/layer.1/attention/self/Softmax, 0",
    "/encoder/layer.1/attention/self/MatMul_1, 0",
    "/encoder/layer.1/attention/self/MatMul_1, 1",
    "/encoder/layer.1/attention/output/dense/MatMul, 0",
    "/encoder/layer.1/attention/output/Add, 0",
    "/encoder/layer.1/attention/output/Add, 1",
    "/encoder/layer.1/attention/output/LayerNorm/LayerNormalization, 0",
    "/encoder/layer.1/intermediate/dense/MatMul, 0",
    "/encoder/layer.1/intermediate/intermediate_act_fn/Div, 0",
    "/encoder/layer.1/output/dense/MatMul, 0",
    "/encoder/layer.1/output/Add, 0",
    "/encoder/layer.1/output/Add, 1",
  })
  void refusesAnOperationMore(String name, int input) {
    NodeProto.Builder node = node(name);
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType("Abs")
            .setName("one more")
            .addInput(node.getInput(input))
            .addOutput("more"));
    node.setInput(input, "more");
    assertRefused("so the graph is not that of a plain BERT encoder");
  }

  @Test
  void refusesALayerThatReadsFromAnotherThanTheOneBefore() {
    NodeProto.Builder past = node(LAYER + "attention/output/Add");
    past.setInput(1, "/embeddings/LayerNorm/LayerNormalization_output_0");
    assertRefused("encoder.layer.1.attention.output.dense is not what the operation before");
  }

  @Test
  void refusesMasksThatLookAtPositions() {
    NodeProto.Builder mask = node("/Where_1");
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType("Trilu")
            .setName("causal")
            .addInput(mask.getInput(0))
            .addOutput("lower"));
    mask.setInput(0, "lower");
    assertRefused("'causal' ('Trilu') is part of an attention mask");
  }

  @Test
  void refusesOperationsOfOtherDomains() {
    node(LAYER + "output/LayerNorm/LayerNormalization").setDomain("com.example");
    assertRefused("com.example.LayerNormalization");
  }

  /** A value that comes from itself, at each place. */
  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"Identity", "Expand", "Mul", "Unsqueeze", "Add", "Concat", "Reshape"})
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void graphsThatGoRoundAreRefused(String operator) {
    ModelProto whole = model.build();
    for (int i = 0; i < whole.getGraph().getNodeCount(); i += 3) {
      for (int input = 0; input < whole.getGraph().getNode(i).getInputCount(); input++) {
        model = whole.toBuilder();
        graph = model.getGraphBuilder();
        graph.getNodeBuilder(i).setInput(input, "round");
        graph.addNode(
            NodeProto.newBuilder()
                .setOpType(operator)
                .addInput("round")
                .addInput("round")
                .addOutput("round"));
        try {
          config(); // Some operations are not looked at: those after the last layer, and shapes.
        } catch (IOException e) {
          assertThat(e.getMessage()).contains("model.onnx").doesNotContain("\n");
        }
      }
    }
  }

  @Test
  void refusesAnOperationThatMakesNothing() {
    node(LAYER + "output/LayerNorm/LayerNormalization").clearOutput();
    assertRefused("has no output");
  }

  /** As many reshapes of the query, with as many shapes, as a file of some megabytes holds. */
  @Tag("slow")
  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void readsLargeGraphsInTimeThatGrowsWithThem() throws IOException {
    String query = "/encoder/layer.0/attention/self/query/Add_output_0";
    for (int i = 0; i < 40_000; i++) {
      graph.addNode(
          0,
          NodeProto.newBuilder()
              .setOpType("Reshape")
              .addInput(query)
              .addInput("shape" + i)
              .addOutput("reshaped" + i));
    }
    assertThat(config().heads()).isEqualTo(3);
  }

  private BertConfig config() throws IOException {
    Path file = Files.write(folder.resolve("model.onnx"), model.build().toByteArray());
    return new BertOnnx(OnnxFile.open(file)).config();
  }

  private void assertRefused(String message) {
    assertThatThrownBy(this::config)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("model.onnx")
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n");
  }

  private NodeProto.Builder node(String name) {
    List<NodeProto.Builder> found =
        graph.getNodeBuilderList().stream().filter(n -> n.getName().equals(name)).toList();
    assertThat(found).as(name).hasSize(1);
    return found.getFirst();
  }

  private NodeProto.Builder maker(String value) {
    return graph.getNodeBuilderList().stream()
        .filter(node -> node.getOutputList().contains(value))
        .findFirst()
        .orElseThrow();
  }

  private static void setAttribute(
      NodeProto.Builder node, String name, Consumer<AttributeProto.Builder> change) {
    List<AttributeProto.Builder> found =
        node.getAttributeBuilderList().stream().filter(a -> a.getName().equals(name)).toList();
    assertThat(found).as(name).hasSize(1);
    change.accept(found.getFirst());
  }

  private static void setConstant(NodeProto.Builder node, float value) {
    node.getAttributeBuilder(0)
        .getTBuilder()
        .setRawData(ByteString.copyFrom(buffer(Float.BYTES).putFloat(value).array()));
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
