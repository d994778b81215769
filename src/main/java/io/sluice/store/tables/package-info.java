/**
 * Tables of plain columns in Arrow IPC files: {@code TableWriter} streams rows into record batches,
 * {@code Table} maps a file and reads single rows or whole columns. Numbers, truth values, texts,
 * and lists of numbers are supported. The meaning of columns belongs to the packages that use them;
 * shards of activations, which hold one aligned block per column, are {@code
 * io.sluice.store.files}.
 */
package io.sluice.store.tables;
