package io.sluice.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Each operator once, on numbers small enough to check by hand. */
@Tag("cuda")
class OperatorsTest {
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));
  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor floats(long[] shape, double... values) {
    return Tensor.ofDoubles(values, shape).to(DType.F32).to(DEVICE);
  }

  private static Tensor row(double... values) {
    return floats(new long[] {values.length}, values);
  }

  private static Tensor longs(long... values) {
    return Tensor.ofLongs(values, values.length).to(DEVICE);
  }

  private static void check(Tensor actual, double... expected) {
    assertThat(actual.toDoubles()).containsExactly(expected, within(1e-6));
  }

  private static long[] shape(long... sizes) {
    return sizes;
  }

  @Test
  void pointwise() {
    Tensor x = row(1, -2, 3);
    Tensor y = row(4, 5, -6);
    check(x.add(y), 5, 3, -3);
    check(x.add(y, 0.5), 3, 0.5, 0);
    check(x.add(1), 2, -1, 4);
    check(x.sub(y), -3, -7, 9);
    check(x.sub(1), 0, -3, 2);
    check(x.mul(y), 4, -10, -18);
    check(x.mul(2), 2, -4, 6);
    check(x.div(y), 0.25, -0.4, -0.5);
    check(x.div(2), 0.5, -1, 1.5);
    check(x.pow(2), 1, 4, 9);
    check(x.square(), 1, 4, 9);
    check(x.neg(), -1, 2, -3);
    check(x.abs(), 1, 2, 3);
    check(row(4, 9).sqrt(), 2, 3);
    check(row(4, 16).rsqrt(), 0.5, 0.25);
    check(row(4, 2).reciprocal(), 0.25, 0.5);
    check(row(0, 1).exp(), 1, Math.E);
    check(row(1, 2).log(), 0, Math.log(2));
    check(row(1, 2).sin(), Math.sin(1), Math.sin(2));
    check(row(1, 2).cos(), Math.cos(1), Math.cos(2));
    check(row(1, 2).tanh(), Math.tanh(1), Math.tanh(2));
    check(row(0, 1).sigmoid(), 0.5, 1 / (1 + Math.exp(-1)));
    check(x.relu(), 1, 0, 3);
    check(row(1).gelu(), 0.8413447460685429);
    check(row(1).geluTanh(), 0.8411919906082768);
    check(row(1).silu(), 1 / (1 + Math.exp(-1)));
    check(x.maximum(y), 4, 5, 3);
    check(x.minimum(y), 1, -2, -6);
    check(x.eq(x), 1, 1, 1);
    check(x.ne(y), 1, 1, 1);
    check(x.lt(y), 1, 1, 0);
    check(x.le(y), 1, 1, 0);
    check(x.gt(y), 0, 0, 1);
    check(x.ge(y), 0, 0, 1);
    check(x.gt(1.5), 0, 0, 1);
    check(row(1, Double.NaN, Double.POSITIVE_INFINITY).isFinite(), 1, 0, 0);
    check(x.gt(y).not(), 1, 1, 0);
    check(x.lt(y).where(x, y), 1, -2, -6);
    check(x.lerp(y, Tensor.scalar(0.5, DType.F32, DEVICE)), 2.5, 1.5, -1.5);
  }

  @Test
  void inPlace() {
    Tensor x = row(1, 4, 9);
    assertThat(x.sqrt_()).isSameAs(x);
    check(x, 1, 2, 3);
    check(x.mul_(row(1, -1, 2)), 1, -2, 6);
    check(x.relu_(), 1, 0, 6);
    check(x.mul_(2), 2, 0, 12);
    check(x.div_(row(2, 1, 4)), 1, 0, 3);
    check(x.lerp_(row(0, 2, 0), Tensor.scalar(0.5, DType.F32, DEVICE)), 0.5, 1, 1.5);
    check(x.copy_(row(7, 8, 9)), 7, 8, 9);
    check(x.fill_(4), 4, 4, 4);
    check(x.zero_(), 0, 0, 0);
  }

  @Test
  void matrices() {
    Tensor a = floats(shape(2, 3), 1, 2, 3, 4, 5, 6);
    Tensor b = floats(shape(3, 2), 1, 0, 0, 1, 1, 1);
    check(a.mm(b), 4, 5, 10, 11);
    check(a.matmul(b), 4, 5, 10, 11);
    check(a.unsqueeze(0).bmm(b.unsqueeze(0)), 4, 5, 10, 11);
    check(a.linear(b.transpose(0, 1).contiguous(), row(1, -1)), 5, 4, 11, 10);
    check(a.linear(b.transpose(0, 1), null), 4, 5, 10, 11);
    Tensor out = Tensor.zeros(DType.F32, DEVICE, 2, 2);
    check(out.mm_(a, b), 4, 5, 10, 11);
    check(out.addmm_(out, a, b, 1, -0.5), 2, 2.5, 5, 5.5);
    check(row(1, 2).addmm(a, b, 2, 1), 6, 9, 12, 15);
    Tensor batch = Tensor.zeros(DType.F32, DEVICE, 1, 2, 2);
    check(batch.bmm_(a.unsqueeze(0), b.unsqueeze(0)), 4, 5, 10, 11);
    check(batch.baddbmm_(batch, a.unsqueeze(0), b.unsqueeze(0), 2, 1), 12, 15, 30, 33);
    MatrixOperators.Eigen eigen =
        Tensor.ofDoubles(new double[] {2, 1, 1, 2}, 2, 2).to(DEVICE).eigh();
    check(eigen.values(), 1, 3);
    check(eigen.vectors().abs().select(1, 1), Math.sqrt(0.5), Math.sqrt(0.5));
    MatrixOperators.Svd svd = floats(shape(2, 3), 3, 0, 0, 0, 4, 0).svd();
    check(svd.s(), 4, 3);
    check(svd.u().matmul(svd.s().unsqueeze(1).mul(svd.vt())), 3, 0, 0, 0, 4, 0);
  }

  @Test
  void outputOfAnotherShapeIsRefusedWithAllShapes() {
    Tensor a = floats(shape(2, 3), 1, 2, 3, 4, 5, 6);
    Tensor out = Tensor.zeros(DType.F32, DEVICE, 3, 3);
    assertThatThrownBy(() -> out.mm_(a, a.transpose(0, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("[2, 3]")
        .hasMessageContaining("[3, 2]")
        .hasMessageContaining("[3, 3]");
  }

  @Test
  void reductions() {
    Tensor x = floats(shape(2, 3), 3, 1, 2, 6, 5, 4);
    check(x.sum(), 21);
    check(x.sum(false, 0), 9, 6, 6);
    assertThat(x.sum(true, 1).shape()).containsExactly(2, 1);
    check(x.mean(false, 1), 2, 5);
    check(x.amax(false, 1), 3, 6);
    check(x.amin(false, 0, 1), 1);
    check(x.argmax(1, false), 0, 0);
    check(x.gt(0).all(), 1);
    check(x.gt(5).any(), 1);
    check(x.cumsum(1), 3, 4, 6, 6, 11, 15);
    ReductionOperators.Selection top = x.topk(2, -1, true);
    check(top.values(), 3, 2, 6, 5);
    check(top.indices(), 0, 2, 0, 1);
    ReductionOperators.Selection sorted = row(2, 1, 2, 0).sort(0, false);
    check(sorted.values(), 0, 1, 2, 2);
    check(sorted.indices(), 3, 1, 0, 2);
    ReductionOperators.Runs runs = longs(4, 4, 7, 9, 9, 9).uniqueConsecutive();
    check(runs.values(), 4, 7, 9);
    check(runs.counts(), 2, 1, 3);
    check(longs(0, 2, 2).bincount(4), 1, 0, 2, 0);
  }

  @Test
  void shapes() {
    Tensor x = floats(shape(2, 3), 1, 2, 3, 4, 5, 6);
    assertThat(x.reshape(3, -1).shape()).containsExactly(3, 2);
    check(x.transpose(0, 1).contiguous(), 1, 4, 2, 5, 3, 6);
    assertThat(x.unsqueeze(0).permute(2, 0, 1).shape()).containsExactly(3, 1, 2);
    assertThat(x.unsqueeze(0).squeeze(0).shape()).containsExactly(2, 3);
    check(row(1, 2).unsqueeze(1).expand(2, 2), 1, 1, 2, 2);
    check(x.narrow(1, 1, 2), 2, 3, 5, 6);
    check(x.select(0, 1), 4, 5, 6);
    check(ShapeOperators.cat(List.of(x, x), 0).sum(false, 1), 6, 15, 6, 15);
    assertThat(ShapeOperators.stack(List.of(x, x), 0).shape()).containsExactly(2, 2, 3);
    Tensor copy = x.copy();
    copy.zero_();
    check(x.sum(), 21);
    assertThat(x.to(DType.BF16).dtype()).isEqualTo(DType.BF16);
    assertThat(x.to(Device.CPU).device()).isEqualTo(Device.CPU);
    check(Tensor.arange(2, 5, DEVICE), 2, 3, 4);
  }

  @Test
  void indices() {
    Tensor table = floats(shape(3, 2), 1, 2, 3, 4, 5, 6);
    check(table.indexSelect(0, longs(2, 0)), 5, 6, 1, 2);
    assertThat(table.embedding(longs(2, 0, 1, 1).reshape(2, 2)).shape()).containsExactly(2, 2, 2);
    check(table.gather(1, longs(1, 0, 1).reshape(3, 1)), 2, 3, 6);
    check(table.copy().indexCopy_(0, longs(1), floats(shape(1, 2), 9, 9)), 1, 2, 9, 9, 5, 6);
    check(Tensor.zeros(DType.F32, DEVICE, 3).scatterAdd_(0, longs(1, 1, 2), row(1, 2, 4)), 0, 3, 4);
    check(
        table.embeddingBag(longs(0, 2, 1), longs(0, 2, 2, 3), row(1, 10, 0.5)),
        51,
        62,
        0,
        0,
        1.5,
        2);
    check(row(1, 3, 5).searchSorted(row(0, 3, 9), false), 0, 1, 3);
    check(row(0, 3, 0, 5).nonzero(), 1, 3);
    check(floats(shape(2, 2), 1, 2, 3, 4).tril(0), 1, 0, 3, 4);
  }

  @Test
  void neural() {
    check(row(0, Math.log(3)).softmax(0), 0.25, 0.75);
    check(row(0, Math.log(3)).logSoftmax(0), Math.log(0.25), Math.log(0.75));
    check(row(1, 3).layerNorm(row(2, 2), row(1, 1), 0), -1, 3);
    check(row(3, 4).rmsNorm(null, 0), 3 / Math.sqrt(12.5), 4 / Math.sqrt(12.5));
    Tensor q = floats(shape(1, 1, 2, 2), 1, 0, 0, 1);
    Tensor v = floats(shape(1, 1, 2, 2), 1, 2, 3, 4);
    check(q.attend(q, v, null, true, 1).select(2, 0), 1, 2);
    double e = Math.E / (Math.E + 1);
    check(q.attend(q, v, null, false, 1).select(2, 0), e + 3 * (1 - e), 2 * e + 4 * (1 - e));
    Tensor mask = floats(shape(2, 2), 1, 0, 1, 1).gt(0);
    check(q.attend(q, v, mask, false, Double.NaN).select(2, 0), 1, 2);
  }

  @Test
  void libTorchsMessageComesWithEveryArgument() {
    Tensor a = floats(shape(2, 3), 1, 2, 3, 4, 5, 6);
    assertThatThrownBy(() -> a.mm(a))
        .isInstanceOf(TorchException.class)
        .hasMessageContaining("mm(float32 [2, 3] " + DEVICE + ", float32 [2, 3] " + DEVICE + ")")
        .hasMessageNotContaining("\n");
    assertThatThrownBy(() -> a.mm(Tensor.zeros(DType.F64, DEVICE, 3, 2)))
        .isInstanceOf(TorchException.class)
        .hasMessageContaining("float64 [3, 2]");
  }

  @Test
  void refusesWhatLibTorchWouldNotSurvive() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor q = Tensor.zeros(DType.F32, Device.CPU, 1, 2, 3, 4);
      Tensor none = Tensor.zeros(DType.F32, Device.CPU, 1, 0, 3, 4);
      assertThatThrownBy(() -> q.attend(none, none, null, false, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("[1, 0, 3, 4]");
      Tensor three = Tensor.zeros(DType.F32, Device.CPU, 1, 3, 3, 4);
      assertThatThrownBy(() -> q.attend(three, three, null, false, 1))
          .isInstanceOf(IllegalArgumentException.class);
      float[] values = new float[64];
      values[3] = Float.NaN;
      values[9] = Float.POSITIVE_INFINITY;
      Tensor odd = Tensor.ofFloats(values, 16, 4);
      assertThatThrownBy(odd::svd).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(odd.narrow(0, 0, 4)::eigh).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> q.expand(1L << 41, 1, 2, 3, 4))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
