/**
 * Memory that others own, kept alive while it is read by address. Knows nothing of this project, so
 * that every package may use it.
 */
package io.sluice.memory;
