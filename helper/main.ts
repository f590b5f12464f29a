/** The program on the helper appliance. */
