/**
 * The activation store: a folder of Arrow IPC files beside a manifest. {@link
 * io.sluice.store.StoreWriter} writes rows; {@link io.sluice.store.ActivationStore} opens a store,
 * by memory map or by copying; {@link io.sluice.store.Batches} gives shuffled batches and {@link
 * io.sluice.store.Contexts} whole contexts. The same memory is an Arrow buffer, a tensor and a
 * {@link java.lang.foreign.MemorySegment}.
 *
 * <p>Manifests, shards and the check of their checksums are in {@code files}, what hook points are
 * called elsewhere in {@code names}. Statistics of a store belong in {@code io.sluice.geometry},
 * capturing in {@code io.sluice.model.capture}.
 */
package io.sluice.store;
