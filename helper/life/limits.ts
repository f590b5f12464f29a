/** How long the program waits for what, in seconds; all of them go with the heartbeat, so that a faster one makes a faster life. */
export interface Limits {
  readonly heartbeatSeconds: number;
  /** One request for orders, or one report. */
  readonly requestSeconds: number;
  /** Between two notes of what is finished: what a crash costs at most, besides the segments under way. */
  readonly noteSeconds: number;
  /** Until a volume that is attached has come up as a device. */
  readonly deviceSeconds: number;
  /** Until orders come: longer than EC2 may take to find room for the volumes. */
  readonly ordersSeconds: number;
  /** After the work has ended, for the orders to be taken away. */
  readonly farewellSeconds: number;
  /** Until a try that S3 answers with nothing but passing errors is given up. */
  readonly outageSeconds: number;
  /** Until work of which nothing goes on is given up: longer than an outage, whose error says more. */
  readonly stallSeconds: number;
  /** For devices to be closed at the end. */
  readonly closeSeconds: number;
}

/** At 10 seconds: 30 s, 5 s, 5 minutes, 3 hours, 6 hours, 15 minutes, 20 minutes, a minute. */
export const limitsFor = (heartbeatSeconds: number): Limits => ({
  heartbeatSeconds,
  // Never so short that an ordinary slow answer is taken for none.
  requestSeconds: Math.max(5, 3 * heartbeatSeconds),
  noteSeconds: heartbeatSeconds / 2,
  deviceSeconds: 30 * heartbeatSeconds,
  ordersSeconds: 1_080 * heartbeatSeconds,
  farewellSeconds: 2_160 * heartbeatSeconds,
  outageSeconds: 90 * heartbeatSeconds,
  stallSeconds: 120 * heartbeatSeconds,
  closeSeconds: Math.max(5, 6 * heartbeatSeconds),
});
