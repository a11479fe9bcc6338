/** The version of the three packages, as `status` and `-V` report it. */
export const VERSION = "0.1.0";
