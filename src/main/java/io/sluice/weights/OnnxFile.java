package io.sluice.weights;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The weights and the graph of an ONNX model. Initialisers are views of the mapped file if they are
 * stored as raw bytes. The value of a {@code Constant} node is listed under the name of its output.
 * Tensors of element types that Sluice does not support (strings, 8-bit signed integers, …) are
 * left out. Subgraphs (loops, branches) are ignored.
 */
public final class OnnxFile implements TensorSource {
  private final Path path;
  private final Map<String, OnnxTensor> tensors;
  private final List<OnnxNode> nodes;
  private final Map<String, MemorySegment> copies = new ConcurrentHashMap<>();

  private OnnxFile(Path path, Map<String, OnnxTensor> tensors, List<OnnxNode> nodes) {
    this.path = path;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.nodes = Collections.unmodifiableList(nodes);
  }

  /**
   * Maps and validates a model.
   *
   * @throws IOException if the file is missing or not a valid ONNX model, if a tensor's bytes do
   *     not fit its shape, or if its data lies outside the model's folder
   */
  public static OnnxFile open(Path path) throws IOException {
    MemorySegment file = MappedFile.map(path).asReadOnly();
    if (file.byteSize() > Integer.MAX_VALUE) {
      throw BadFile.because(
          path, "is larger than 2 GiB, which no ONNX file can be", "give an ONNX model");
    }
    GraphProto graph = parse(path, file);
    OnnxTensor.Reader reader = new OnnxTensor.Reader(path);
    Map<String, OnnxTensor> tensors = new LinkedHashMap<>();
    for (TensorProto tensor : graph.getInitializerList()) {
      add(path, tensors, tensor.getName(), reader.read(tensor.getName(), tensor));
    }
    List<OnnxNode> nodes = new ArrayList<>();
    for (NodeProto node : graph.getNodeList()) {
      nodes.add(node(node));
      if (node.getOpType().equals("Constant") && node.getOutputCount() == 1) {
        for (AttributeProto attribute : node.getAttributeList()) {
          if (attribute.getName().equals("value") && attribute.hasT()) {
            String name = node.getOutput(0);
            add(path, tensors, name, reader.read(name, attribute.getT()));
          }
        }
      }
    }
    return new OnnxFile(path, tensors, nodes);
  }

  private static OnnxNode node(NodeProto node) {
    Map<String, Number> numbers = new LinkedHashMap<>();
    Map<String, List<Long>> lists = new LinkedHashMap<>();
    Map<String, String> texts = new LinkedHashMap<>();
    for (AttributeProto attribute : node.getAttributeList()) {
      String name = attribute.getName();
      switch (attribute.getType()) {
        case FLOAT -> numbers.put(name, attribute.getF());
        case INT -> numbers.put(name, attribute.getI());
        case INTS -> lists.put(name, List.copyOf(attribute.getIntsList()));
        case STRING -> texts.put(name, attribute.getS().toStringUtf8());
        default -> {}
      }
    }
    boolean own = node.getDomain().isEmpty() || node.getDomain().equals("ai.onnx");
    return new OnnxNode(
        own ? node.getOpType() : node.getDomain() + "." + node.getOpType(),
        node.getName(),
        node.getInputList(),
        node.getOutputList(),
        numbers,
        lists,
        texts);
  }

  private static GraphProto parse(Path path, MemorySegment file) throws IOException {
    try {
      // With aliasing, byte fields are views of the mapping instead of copies.
      CodedInputStream input = UnsafeByteOperations.unsafeWrap(file.asByteBuffer()).newCodedInput();
      input.enableAliasing(true);
      ModelProto model = ModelProto.parseFrom(input);
      input.checkLastTagWas(0);
      if (!model.hasGraph() || model.getOpsetImportCount() == 0) {
        throw BadFile.damaged(path, "holds no complete ONNX model");
      }
      return model.getGraph();
    } catch (InvalidProtocolBufferException e) {
      throw BadFile.damaged(path, "is not a valid ONNX file");
    }
  }

  private static void add(
      Path path, Map<String, OnnxTensor> tensors, String name, OnnxTensor tensor)
      throws IOException {
    if (tensor != null && tensors.put(name, tensor) != null) {
      throw BadFile.damaged(path, "has two tensors named " + Quoted.of(name));
    }
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  @Override
  public TensorInfo info(String name) {
    return tensor(name).info();
  }

  @Override
  public MemorySegment data(String name) {
    OnnxTensor tensor = tensor(name);
    MemorySegment data = tensor.data();
    if (data.isNative() && data.address() % tensor.info().dtype().bytes() == 0) {
      return data;
    }
    return copies.computeIfAbsent(name, n -> MappedFile.aligned(data, tensor.info().dtype()));
  }

  /** The graph's operations, in the file's order, which ONNX requires to be a valid run order. */
  public List<OnnxNode> nodes() {
    return nodes;
  }

  private OnnxTensor tensor(String name) {
    OnnxTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          path + " has no tensor " + Quoted.of(name) + " among its " + tensors.size());
    }
    return tensor;
  }
}
