/**
 * The specification of the arithmetic in plain scalar Java, against which the others are tested. It
 * shares with them no code that computes.
 */
package io.sluice.engine.reference;
