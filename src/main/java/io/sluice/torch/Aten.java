package io.sluice.torch;

import io.sluice.torch.Call.Operator;

/** The ATen operators that are called through the dispatcher, by name and overload. */
final class Aten {
  /** {@code c10::MemoryFormat::Contiguous}. */
  static final int CONTIGUOUS_FORMAT = 0;

  static final Operator ABS = Operator.of("abs");
  static final Operator ALIAS = Operator.of("alias");
  static final Operator ALL = Operator.of("all");
  static final Operator AMAX = Operator.of("amax");
  static final Operator AMIN = Operator.of("amin");
  static final Operator ANY = Operator.of("any");
  static final Operator ARGMAX = Operator.of("argmax");
  static final Operator ATTENTION = Operator.of("scaled_dot_product_attention");
  static final Operator BINCOUNT = Operator.of("bincount");
  static final Operator BITWISE_AND = Operator.of("bitwise_and", "Tensor");
  static final Operator BITWISE_RIGHT_SHIFT = Operator.of("bitwise_right_shift", "Tensor");
  static final Operator BITWISE_XOR = Operator.of("bitwise_xor", "Tensor");
  static final Operator BMM = Operator.of("bmm");
  static final Operator CAT = Operator.of("cat");
  static final Operator CLONE = Operator.of("clone");
  static final Operator CONTIGUOUS = Operator.of("contiguous");
  static final Operator COS = Operator.of("cos");
  static final Operator CUMSUM = Operator.of("cumsum");
  static final Operator DIV = Operator.of("div", "Tensor");
  static final Operator DIV_ = Operator.of("div_", "Tensor");
  static final Operator EIGH = Operator.of("linalg_eigh");
  static final Operator EMBEDDING = Operator.of("embedding");
  static final Operator EMBEDDING_BAG = Operator.of("_embedding_bag_forward_only");
  static final Operator EMBEDDING_BAG_WEIGHT_GRADIENT =
      Operator.of("_embedding_bag_per_sample_weights_backward");
  static final Operator EQ = Operator.of("eq", "Tensor");
  static final Operator EXP = Operator.of("exp");
  static final Operator EXPAND = Operator.of("expand");
  static final Operator FUSED_ADAM_ = Operator.of("_fused_adam_");
  static final Operator GATHER = Operator.of("gather");
  static final Operator GE = Operator.of("ge", "Tensor");
  static final Operator GELU = Operator.of("gelu");
  static final Operator GT = Operator.of("gt", "Tensor");
  static final Operator INDEX_COPY_ = Operator.of("index_copy_");
  static final Operator INDEX_SELECT = Operator.of("index_select");
  static final Operator ISFINITE = Operator.of("isfinite");
  static final Operator LAYER_NORM = Operator.of("layer_norm");
  static final Operator LE = Operator.of("le", "Tensor");
  static final Operator LERP = Operator.of("lerp", "Tensor");
  static final Operator LERP_ = Operator.of("lerp_", "Tensor");
  static final Operator LINEAR = Operator.of("linear");
  static final Operator LOG = Operator.of("log");
  static final Operator LOGICAL_NOT = Operator.of("logical_not");
  static final Operator LOG_SOFTMAX = Operator.of("log_softmax", "int");
  static final Operator LT = Operator.of("lt", "Tensor");
  static final Operator MATMUL = Operator.of("matmul");
  static final Operator MAXIMUM = Operator.of("maximum");
  static final Operator MEAN = Operator.of("mean", "dim");
  static final Operator MINIMUM = Operator.of("minimum");
  static final Operator MM = Operator.of("mm");
  static final Operator MM_DTYPE = Operator.of("mm", "dtype");
  static final Operator MUL_ = Operator.of("mul_", "Tensor");
  static final Operator NARROW = Operator.of("narrow");
  static final Operator NE = Operator.of("ne", "Tensor");
  static final Operator NEG = Operator.of("neg");
  static final Operator NONZERO = Operator.of("nonzero");
  static final Operator PERMUTE = Operator.of("permute");
  static final Operator RECIPROCAL = Operator.of("reciprocal");
  static final Operator RELU = Operator.of("relu");
  static final Operator RELU_ = Operator.of("relu_");
  static final Operator RESHAPE = Operator.of("reshape");
  static final Operator RMS_NORM = Operator.of("rms_norm");
  static final Operator RSQRT = Operator.of("rsqrt");
  static final Operator SCATTER_ADD_ = Operator.of("scatter_add_");
  static final Operator SEARCHSORTED = Operator.of("searchsorted", "Tensor");
  static final Operator SELECT = Operator.of("select", "int");
  static final Operator SIGMOID = Operator.of("sigmoid");
  static final Operator SILU = Operator.of("silu");
  static final Operator SIN = Operator.of("sin");
  static final Operator SOFTMAX = Operator.of("softmax", "int");
  static final Operator SORT = Operator.of("sort", "stable");
  static final Operator SQRT = Operator.of("sqrt");
  static final Operator SQRT_ = Operator.of("sqrt_");
  static final Operator SQUEEZE = Operator.of("squeeze", "dim");
  static final Operator STACK = Operator.of("stack");
  static final Operator SUM = Operator.of("sum", "dim_IntList");
  static final Operator SVD = Operator.of("linalg_svd");
  static final Operator TANH = Operator.of("tanh");
  static final Operator TO = Operator.of("to", "dtype");
  static final Operator TOPK = Operator.of("topk");
  static final Operator TRANSPOSE = Operator.of("transpose", "int");
  static final Operator TRIL = Operator.of("tril");
  static final Operator UNIQUE_CONSECUTIVE = Operator.of("unique_consecutive");
  static final Operator UNSQUEEZE = Operator.of("unsqueeze");
  static final Operator VIEW_DTYPE = Operator.of("view", "dtype");
  static final Operator WHERE = Operator.of("where", "self");

  private Aten() {}
}
