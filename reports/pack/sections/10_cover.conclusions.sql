SELECT conclusion, count(*) AS controls FROM assessment_controls GROUP BY conclusion ORDER BY conclusion
