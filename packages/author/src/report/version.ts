/** Version of the report's shape; a change that breaks readers makes it grow. */
export const reportVersion = 1;
