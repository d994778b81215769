/**
 * The specification of the arithmetic in scalar Java. Tests compare the other implementations with
 * it, so it shares no computing code with them. Code that is fast does not belong here.
 */
package io.sluice.engine.reference;
